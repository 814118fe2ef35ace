// The AI SDK with its provider for OpenAI-compatible APIs, as its users call it. Prints what it saw as JSON.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, Output, streamText, tool } from "ai";
import { z } from "zod";
import { caught, run } from "./scenario.mjs";

const provider = (apiKey) =>
  createOpenAICompatible({
    name: "fairlead",
    baseURL: process.env.OPENAI_BASE_URL,
    apiKey,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
const model = provider(process.env.OPENAI_API_KEY)(process.env.OPENAI_MODEL);
const prompt = "What is a replica?";

await run({
  async chat() {
    const { text, finishReason, usage } = await generateText({ model, prompt, maxOutputTokens: 20 });
    return { text, finish: finishReason, usage };
  },

  async stream() {
    const result = streamText({ model, prompt, maxOutputTokens: 20, temperature: 0.7 });
    let text = "", chunks = 0;
    for await (const piece of result.textStream) {
      chunks += 1;
      text += piece;
    }
    return { text, chunks, usage: await result.usage };
  },

  async tool() {
    const weather = tool({
      description: "Weather of a city",
      inputSchema: z.object({ city: z.string().max(8) }),
      execute: async ({ city }) => `${city.length} letters`,
    });
    const { toolCalls, toolResults } = await generateText({
      model, prompt, maxOutputTokens: 100, tools: { weather }, toolChoice: { type: "tool", toolName: "weather" },
    });
    return { name: toolCalls[0].toolName, arguments: toolCalls[0].input, result: toolResults[0].output };
  },

  async structured() {
    const schema = z.object({ status: z.enum(["ok", "broken"]) });
    const { output } = await generateText({ model, prompt, maxOutputTokens: 50, output: Output.object({ schema }) });
    return { output };
  },

  async errors() {
    const ask = (of) => generateText({ model: of, prompt, maxRetries: 0 });
    return {
      unknownModel: await caught(APICallError, () => ask(provider(process.env.OPENAI_API_KEY)("no-such-model"))),
      wrongKey: await caught(APICallError, () => ask(provider("fl-nobody-nothing")(process.env.OPENAI_MODEL))),
    };
  },
});
