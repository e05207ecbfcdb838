// Response streaming as Lambda's Node.js runtimes offer it to handlers, the answer being collected.

import { isUtf8 } from "node:buffer";
import { Writable } from "node:stream";

const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const PRELUDE = Symbol("prelude");

export function provideStreaming() {
  if (["1", "true"].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = {
    streamifyResponse(handler) {
      handler[STREAMING] = "response";
      return handler;
    },
    HttpResponseStream: {
      from(stream, prelude) {
        // As JSON has it now: what is changed in it later does not count.
        stream[PRELUDE] = JSON.parse(JSON.stringify(prelude));
        return stream;
      },
    },
  };
}

export function isStreaming(handler) {
  return handler[STREAMING] === "response";
}

export class TooLarge extends Error {}

// What a handler writes its answer to.
export class ResponseStream extends Writable {
  #chunks = [];
  #size = 0;
  #limit;
  #type = "application/octet-stream";
  #written = false;
  #finished;

  constructor(limit) {
    super();
    this.#limit = limit;
    this.#finished = new Promise((resolve, reject) => this.once("finish", resolve).on("error", reject));
    // Its error comes out where the answer is waited for, or nowhere when the handler has failed before.
    this.#finished.catch(() => {});
  }

  setContentType(type) {
    this.#type = type;
  }

  write(chunk, ...rest) {
    this.#written = true;
    const plain = typeof chunk === "string" || chunk instanceof Uint8Array;
    return super.write(plain ? chunk : JSON.stringify(chunk), ...rest);
  }

  // Unlike other streams it gives nothing back, so that `return stream.end()` is no answer.
  end(...given) {
    super.end(...given);
  }

  _write(chunk, _encoding, done) {
    this.#size += chunk.length;
    if (this.#size > this.#limit) return done(new TooLarge(`the streamed answer has more bytes than Lambda's limit of ${this.#limit}`));
    this.#chunks.push(chunk);
    done();
  }

  // The answer as an object with `statusCode`, once the stream is ended.
  async answer() {
    await this.#finished;
    const prelude = this[PRELUDE];
    // Lambda's runtime sends status and headers with the first write, and `end` is none.
    if (prelude && !this.#written) console.error("the status and headers of HttpResponseStream need a write() before end()");
    const { statusCode = 200, headers, cookies } = (this.#written && prelude) || {};
    const body = Buffer.concat(this.#chunks);
    const isBase64Encoded = !isUtf8(body);
    return {
      statusCode,
      headers: { "content-type": this.#type, ...headers },
      cookies,
      body: body.toString(isBase64Encoded ? "base64" : "utf8"),
      isBase64Encoded,
    };
  }
}
