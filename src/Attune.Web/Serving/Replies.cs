using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Tokens;

namespace Attune.Web.Serving;

/// <summary>Replies in the shapes of OpenAI's API.</summary>
internal sealed class Replies(GenerationRequest request, ServeOptions options, Tokenizer tokenizer, DateTimeOffset now)
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }; // nothing of it is ever put into a page

    /// <summary>A reply as text, letters and quotes as people read them.</summary>
    public static string Text(JsonNode body) => body.ToJsonString(Plain);

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);
    private readonly string _id = $"{(request.IsChat ? "chatcmpl" : "cmpl")}-{Guid.NewGuid():N}";

    /// <summary>The whole reply.</summary>
    /// <param name="texts">The answers' texts, echoed prompts included.</param>
    /// <param name="tokens">Their tokens, echoed ones included.</param>
    /// <param name="finishes">Why each ended.</param>
    /// <param name="newTokens">Tokens that were written.</param>
    public JsonObject Whole(IReadOnlyList<string> texts, IReadOnlyList<IReadOnlyList<ScoredToken>> tokens, IReadOnlyList<string> finishes, int newTokens)
    {
        var choices = new JsonArray();
        for (var k = 0; k < texts.Count; k++)
        {
            var choice = new JsonObject { ["index"] = k };
            if (request.IsChat)
                choice["message"] = new JsonObject { ["role"] = "assistant", ["content"] = texts[k], ["refusal"] = null };
            else
                choice["text"] = texts[k];
            choice["logprobs"] = LogProbs(tokens[k], offset: 0);
            choice["finish_reason"] = finishes[k];
            choices.Add(choice);
        }

        var reply = Head(request.IsChat ? "chat.completion" : "text_completion");
        reply["choices"] = choices;
        reply["usage"] = Usage(newTokens);
        return reply;
    }

    /// <summary>The first event of a streamed answer of a conversation: who speaks.</summary>
    public JsonObject Opening(int index) => Event(index, new JsonObject { ["role"] = "assistant", ["content"] = "" }, null, null);

    /// <summary>A part of a streamed answer.</summary>
    /// <param name="part">The part.</param>
    /// <param name="offset">Characters of the answer before it.</param>
    public JsonObject Part(AnswerPart part, int offset)
    {
        var logProbs = LogProbs(part.Tokens, offset);
        if (!request.IsChat)
            return Event(part.Index, part.Text, logProbs, part.Finish);
        return Event(part.Index, part.Text.Length > 0 || part.Finish is null ? new JsonObject { ["content"] = part.Text } : new JsonObject(), logProbs, part.Finish);
    }

    /// <summary>The last event of a stream that was to tell the number of tokens.</summary>
    public JsonObject UsageEvent(int newTokens)
    {
        var reply = Head(EventName);
        reply["choices"] = new JsonArray();
        reply["usage"] = Usage(newTokens);
        return reply;
    }

    private string EventName => request.IsChat ? "chat.completion.chunk" : "text_completion";

    private JsonObject Event(int index, JsonNode content, JsonNode? logProbs, string? finish)
    {
        var reply = Head(EventName);
        reply["choices"] = new JsonArray(new JsonObject { ["index"] = index, [request.IsChat ? "delta" : "text"] = content, ["logprobs"] = logProbs, ["finish_reason"] = finish });
        if (request.StreamsUsage)
            reply["usage"] = null;
        return reply;
    }

    private JsonObject Head(string kind) => new()
    {
        ["id"] = _id,
        ["object"] = kind,
        ["created"] = now.ToUnixTimeSeconds(),
        ["model"] = options.ModelName,
        ["system_fingerprint"] = $"attune-seed-{request.Seed.ToString(CultureInfo.InvariantCulture)}", // with it as seed the same text comes again
    };

    private JsonObject Usage(int newTokens)
    {
        var prompts = request.Prompts.Sum(p => p.Length);
        return new() { ["prompt_tokens"] = prompts, ["completion_tokens"] = newTokens, ["total_tokens"] = prompts + newTokens };
    }

    private JsonObject? LogProbs(IReadOnlyList<ScoredToken> tokens, int offset)
    {
        if (request.TopLogProbs is not { } top)
            return null;
        if (request.IsChat)
            return new() { ["content"] = new JsonArray([.. tokens.Select(t => OfChat(t))]), ["refusal"] = null };
        var (texts, logProbs, tops, offsets) = (new JsonArray(), new JsonArray(), new JsonArray(), new JsonArray());
        var decoder = new StreamingDecoder(tokenizer, skipSpecial: true);
        foreach (var token in tokens)
        {
            texts.Add(TextOf(token.Id));
            logProbs.Add(token.LogProb);
            offsets.Add(offset);
            offset += decoder.Add(token.Id).Length;
            if (top == 0)
                continue;
            var likeliest = new JsonObject();
            foreach (var other in token.Top)
                likeliest[TextOf(other.Token)] = other.LogProb;
            tops.Add(token.LogProb is null ? null : likeliest);
        }

        return new() { ["tokens"] = texts, ["token_logprobs"] = logProbs, ["top_logprobs"] = top == 0 ? null : tops, ["text_offset"] = offsets };
    }

    private JsonObject OfChat(ScoredToken token)
    {
        var found = OfChat(token.Id, token.LogProb ?? 0);
        found["top_logprobs"] = new JsonArray([.. token.Top.Select(t => OfChat(t.Token, t.LogProb))]);
        return found;
    }

    private JsonObject OfChat(int id, float logProb) =>
        new() { ["token"] = TextOf(id), ["logprob"] = logProb, ["bytes"] = new JsonArray([.. tokenizer.BytesOf(id).ToArray().Select(b => (JsonNode)(int)b)]) };

    /// <summary>A token as text; one that is a part of a character by its bytes, as several such would otherwise have one name.</summary>
    private string TextOf(int id)
    {
        var bytes = tokenizer.BytesOf(id).ToArray();
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return "bytes:" + string.Concat(bytes.Select(b => $"\\x{b:x2}"));
        }
    }
}
