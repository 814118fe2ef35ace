// OpenAI's client for JavaScript, as its users call it. Prints what it saw as JSON.
import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from "openai";
import { caught, run } from "./scenario.mjs";

const model = process.env.OPENAI_MODEL;
const messages = [{ role: "user", content: "What is a replica?" }];
const client = new OpenAI();

await run({
  async models() {
    return { ids: (await client.models.list()).data.map((each) => each.id) };
  },

  async chat() {
    const answer = await client.chat.completions.create({ model, messages, max_tokens: 20 });
    return {
      text: answer.choices[0].message.content,
      finish: answer.choices[0].finish_reason,
      usage: answer.usage,
      requestId: answer._request_id,
    };
  },

  async stream() {
    const stream = await client.chat.completions.create({
      model, messages, max_tokens: 20, temperature: 0.7, stream: true, stream_options: { include_usage: true },
    });
    let text = "", chunks = 0, usage = null;
    for await (const chunk of stream) {
      chunks += 1;
      text += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    return { text, chunks, usage };
  },

  async responses() {
    const kinds = [];
    for await (const event of await client.responses.create({ model, input: "Hello", max_output_tokens: 20, stream: true })) {
      kinds.push(event.type);
    }
    return { kinds };
  },

  async tool() {
    const parameters = {
      type: "object", properties: { city: { type: "string", maxLength: 8 } }, required: ["city"], additionalProperties: false,
    };
    const answer = await client.chat.completions.create({
      model, messages, max_tokens: 100,
      tools: [{ type: "function", function: { name: "weather", description: "Weather of a city", parameters } }],
      tool_choice: { type: "function", function: { name: "weather" } },
    });
    const call = answer.choices[0].message.tool_calls[0];
    return { name: call.function.name, arguments: JSON.parse(call.function.arguments) };
  },

  async errors() {
    const wrongKey = new OpenAI({ apiKey: "fl-nobody-nothing" });
    return {
      unknownModel: await caught(NotFoundError, () => client.chat.completions.create({ model: "no-such-model", messages })),
      wrongKey: await caught(AuthenticationError, () => wrongKey.chat.completions.create({ model, messages })),
      wrongValue: await caught(BadRequestError, () => client.chat.completions.create({ model, messages, temperature: -1 })),
    };
  },
});
