/**
 * Pages for people, and the headers that keep them to what they are: no script, style or frame but their own.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import type * as HttpApi from "effect/http-api/HttpApi"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSwagger from "effect/http-api/HttpApiSwagger"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

const hashesOf = (html: string, element: "script" | "style"): string =>
  [...html.matchAll(new RegExp(`<${element}(?: [^>]*)?>([^]*?)</${element}>`, "g"))]
    .map(([, content = ""]) => `'sha256-${createHash("sha256").update(content).digest("base64")}'`)
    .join(" ")

/** Names what is in the page by its hash; everything else is forbidden. */
const policyOf = (html: string): string =>
  [
    "default-src 'none'",
    `script-src ${hashesOf(html, "script") || "'none'"}`,
    // Swagger UI also sets the `style` attribute of elements, which no hash of an element covers.
    `style-src-elem ${hashesOf(html, "style") || "'none'"}`,
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ")

/** A page. */
export const html = (text: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.html(text).pipe(
    HttpServerResponse.setHeaders({
      "content-security-policy": policyOf(text),
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
    }),
  )

const textOf = ({ body }: HttpServerResponse.HttpServerResponse): string =>
  body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""

/** Swagger UI is two megabytes that most processes never show: it is loaded when somebody asks for it. */
export const docs = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const page = yield* Effect.cached(
        Effect.flatMap(HttpRouter.toHttpEffect(HttpApiSwagger.layer(api, { path: "/docs" })), (app) =>
          Effect.map(app, (response) => html(textOf(response))),
        ),
      )
      yield* router.add("GET", "/docs", page)
    }),
  )
