using System.Security.Cryptography;
using System.Text.Json;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;

namespace Attune.Web.Serving;

/// <summary>From a request's body, of plain completions or of conversations, to what is to be generated; or to everything that is wrong with it.</summary>
/// <param name="model">Whose tokens they become.</param>
/// <param name="options">How much may be asked.</param>
internal sealed class CompletionBodies(ServedModel model, ServeOptions options)
{
    private const int MostStops = 16, MostTop = 20, UsualCompletionTokens = 16;
    private const int MostLogProbs = 1 << 18; // of a reply: what is told of each takes a hundred bytes and more

    /// <summary>Reads the body of a plain completion.</summary>
    /// <exception cref="ServeException">Lists all problems.</exception>
    public GenerationRequest ReadCompletion(JsonElement body)
    {
        var reader = Open(body);
        var prompts = ReadPrompts(reader);
        var echoes = reader.Flag("echo");
        var top = reader.Whole("logprobs", 0, MostTop);
        var most = reader.Whole("max_tokens", echoes ? 0 : 1, int.MaxValue) ?? UsualCompletionTokens;
        var choices = reader.Whole("n", 1, options.MaximumAnswers) ?? 1;
        reader.Refuse("best_of", "as many as n", "ask for n answers and choose among them", value => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var best) && best == choices);
        reader.Refuse("suffix", "no text behind the answer", "leave it out: this model writes on, it fills no gaps", value => value.ValueKind == JsonValueKind.String && value.GetString()!.Length == 0);
        CheckLogProbs(reader, "logprobs", prompts.Sum(p => (echoes ? p.Length : 0) + (long)most) * choices, top);
        return Close(reader, prompts, choices, most, top, isChat: false) with { Echoes = echoes, WritesNothing = most == 0 };
    }

    /// <summary>Reads the body of a conversation to be answered.</summary>
    /// <exception cref="ServeException">Lists all problems.</exception>
    public GenerationRequest ReadChat(JsonElement body)
    {
        var reader = Open(body);
        int[][] prompts = ReadMessages(reader) is { } conversation ? [PromptOf(conversation, reader)] : [];
        var most = reader.Whole("max_completion_tokens", 1, int.MaxValue) ?? reader.Whole("max_tokens", 1, int.MaxValue);
        reader.Ignore("max_tokens");
        var wantsLogProbs = reader.Flag("logprobs");
        var top = reader.Whole("top_logprobs", 0, MostTop);
        if (top > 0 && !wantsLogProbs)
            reader.Problems.Add(Problem.Of("top_logprobs", $"is {top}, without logprobs", "logprobs true beside it", "add it, or leave top_logprobs out"));
        var choices = reader.Whole("n", 1, options.MaximumAnswers) ?? 1;
        reader.Refuse("response_format", "{\"type\": \"text\"}", "this server has no JSON mode and no JSON schemas: ask for the form in words, and check the answer",
            value => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var type) && IsText(type, "text"));
        foreach (var tools in (string[])["tools", "functions"])
            reader.Refuse(tools, "none", "this server calls no tools", value => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0);
        foreach (var choice in (string[])["tool_choice", "function_call"])
            reader.Refuse(choice, "\"none\"", "this server calls no tools", value => value.ValueKind == JsonValueKind.String && value.GetString() is "none" or "auto");
        reader.Refuse("modalities", "[\"text\"]", "this server speaks text only", value => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(m => IsText(m, "text")));
        reader.Ignore("parallel_tool_calls", "reasoning_effort");
        var room = prompts.Length == 1 ? Math.Max(1, model.Files.Config.MaximumPositions - prompts[0].Length) : 1;
        var tokens = most ?? Math.Min(room, options.MaximumNewTokens ?? room);
        CheckLogProbs(reader, "top_logprobs", tokens * (long)choices, wantsLogProbs ? top ?? 0 : null);
        return Close(reader, prompts, choices, tokens, wantsLogProbs ? top ?? 0 : null, isChat: true);
    }

    private RequestReader Open(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object)
            throw ServeException.Bad("The body", $"is {RequestReader.Shortened(body)}", "a JSON object", "see the documentation of the address");
        var reader = new RequestReader(body);
        if (reader.Text("model") is { } name && name != options.ModelName)
            throw new ServeException(StatusCodes.Status404NotFound, "model_not_found", "model", $"model is \"{RequestReader.Shortened(name)}\", expected \"{options.ModelName}\"; GET /v1/models names what is served");
        reader.Ignore("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key");
        return reader;
    }

    /// <summary>What both forms have in common, then everything that was wrong.</summary>
    private GenerationRequest Close(RequestReader reader, IReadOnlyList<int[]> prompts, int choices, int most, int? top, bool isChat)
    {
        var streams = reader.Flag("stream");
        var usage = false;
        if (reader.Find("stream_options") is { } streaming)
        {
            if (!streams)
                reader.Note("stream_options", streaming, "nothing, as stream is not true", "leave it out");
            else if (streaming.ValueKind != JsonValueKind.Object || streaming.EnumerateObject().Any(m => m.Name is not ("include_usage" or "include_obfuscation") || m.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False)))
                reader.Note("stream_options", streaming, "an object with include_usage, true or false", "correct it");
            else
                usage = streaming.TryGetProperty("include_usage", out var flag) && flag.GetBoolean();
        }

        var stops = reader.Texts("stop", MostStops);
        var seed = reader.Find("seed") is { } number ? ReadSeed(reader, number) : BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8));
        var sampling = Sampling(reader, most, isChat);
        CheckLengths(reader, prompts, choices, most, isChat);
        reader.RefuseUnknown();
        reader.Problems.AddRange(sampling.Problems(ApiName, model.Files.Config.VocabularySize).Where(p => reader.Problems.All(known => known.Key != p.Key)));
        if (reader.Problems.Count > 0)
            throw ServeException.Bad(reader.Problems);
        return new()
        {
            Prompts = prompts,
            Choices = choices,
            Sampling = sampling,
            Stops = isChat ? [.. stops, .. model.ChatStops] : stops,
            TopLogProbs = top,
            Streams = streams,
            StreamsUsage = usage,
            Seed = seed,
            IsChat = isChat,
        };
    }

    private SamplingOptions Sampling(RequestReader reader, int most, bool isChat)
    {
        var temperature = reader.Number("temperature", 0, 2) ?? 1;
        return new()
        {
            IsGreedy = temperature == 0,
            Temperature = temperature == 0 ? 1 : temperature,
            TopP = reader.Number("top_p", 0, 1) ?? 1,
            TopK = reader.Whole("top_k", 0, int.MaxValue) ?? 0,
            MinP = reader.Number("min_p", 0, 1) ?? 0,
            RepetitionPenalty = reader.Number("repetition_penalty", 0.01, 100) ?? 1,
            PresencePenalty = reader.Number("presence_penalty", -2, 2) ?? 0,
            FrequencyPenalty = reader.Number("frequency_penalty", -2, 2) ?? 0,
            MinimumNewTokens = reader.Whole("min_tokens", 0, int.MaxValue) ?? 0,
            Biases = ReadBiases(reader),
            MaximumNewTokens = Math.Max(1, most),
            EndTokens = model.EndIds(isChat),
        };
    }

    private List<TokenBias> ReadBiases(RequestReader reader)
    {
        var biases = new List<TokenBias>();
        if (reader.Find("logit_bias") is not { } value)
            return biases;
        if (value.ValueKind != JsonValueKind.Object)
        {
            reader.Note("logit_bias", value, "an object from token ids to numbers from -100 to 100", "correct it");
            return biases;
        }

        foreach (var member in value.EnumerateObject())
        {
            var isId = int.TryParse(member.Name, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var id) && id < model.Files.Config.VocabularySize;
            if (isId && member.Value.ValueKind == JsonValueKind.Number && member.Value.TryGetDouble(out var bias) && bias is >= -100 and <= 100)
                biases.Add(new() { Tokens = [id], Bias = bias });
            else
                reader.Note($"logit_bias.{member.Name}", member.Value, $"a number from -100 to 100 for an id from 0 to {model.Files.Config.VocabularySize - 1}", "POST /tokenize gives the ids of a text");
        }

        return biases;
    }

    private static long ReadSeed(RequestReader reader, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var seed))
            return seed;
        reader.Note("seed", value, "a whole number", "correct it");
        return 0;
    }

    /// <summary>A text, several, the tokens of one, or those of several.</summary>
    private int[][] ReadPrompts(RequestReader reader)
    {
        if (reader.Find("prompt") is not { } value)
        {
            reader.Problems.Add(Problem.Of("prompt", "is missing", "a text, a list of texts, or lists of token ids", "give one"));
            return [];
        }

        var items = value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value[0].ValueKind is JsonValueKind.String or JsonValueKind.Array
            ? value.EnumerateArray().ToArray()
            : [value];
        if (items.Length > options.MaximumAnswers)
        {
            reader.Note("prompt", value, $"at most {options.MaximumAnswers} prompts, not {items.Length}", "send several requests");
            return [];
        }

        var prompts = new int[items.Length][];
        for (var k = 0; k < items.Length; k++)
        {
            prompts[k] = items[k].ValueKind == JsonValueKind.String ? model.Tokenizer.Opened(model.Tokenizer.Encode(items[k].GetString()!)) : Ids(items[k]) ?? []; // as texts are opened in training
            if (prompts[k].Length == 0)
                reader.Note(items.Length == 1 ? "prompt" : $"prompt[{k}]", items[k], $"at least one token: a text, or ids from 0 to {model.Files.Config.VocabularySize - 1}", "give some");
        }

        return prompts;
    }

    private int[]? Ids(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
            return null;
        var ids = new int[value.GetArrayLength()];
        var k = 0;
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out ids[k]) || ids[k] < 0 || ids[k] >= model.Files.Config.VocabularySize)
                return null;
            k++;
        }

        return ids;
    }

    private static Conversation? ReadMessages(RequestReader reader)
    {
        if (reader.Find("messages") is not { ValueKind: JsonValueKind.Array } list || list.GetArrayLength() == 0)
        {
            reader.Problems.Add(Problem.Of("messages", reader.Has("messages") ? "is empty or no list" : "is missing", "a list of messages, each with role and content", "give at least what the user says"));
            return null;
        }

        var messages = new List<Message>();
        var k = -1;
        foreach (var item in list.EnumerateArray())
        {
            k++;
            var role = item.ValueKind == JsonValueKind.Object && item.TryGetProperty("role", out var name) && name.ValueKind == JsonValueKind.String ? RoleOf(name.GetString()!) : null;
            if (role is null)
            {
                reader.Note($"messages[{k}]", item, "an object with the role system, developer, user or assistant", "correct it");
                continue;
            }

            if (!item.TryGetProperty("content", out var content) || TextOf(content) is not { } text)
            {
                reader.Note($"messages[{k}].content", item, "a text, or a list of parts of type text", "this server reads text only");
                continue;
            }

            messages.Add(new(role.Value, text));
            foreach (var other in item.EnumerateObject().Where(m => m.Name is not ("role" or "content" or "name" or "refusal" or "annotations") && m.Value.ValueKind != JsonValueKind.Null))
                reader.Note($"messages[{k}].{other.Name}", other.Value, "role and content alone", "this server calls no tools and reads text only");
        }

        if (messages.Count > 0 && messages[^1].Role == Attune.Text.Role.Assistant)
            reader.Problems.Add(Problem.Of($"messages[{k}].role", "is \"assistant\"", "the user's words, or the system's, at the end", "the assistant speaks next: leave its beginning out, or use /v1/completions"));
        return reader.Problems.Count == 0 ? new(messages) : null;
    }

    private int[] PromptOf(Conversation conversation, RequestReader reader)
    {
        try
        {
            return model.PromptOf(conversation);
        }
        catch (InputException e)
        {
            reader.Problems.Add(Problem.Of("messages", $"are refused by the model's chat template: {e.Problems[0].Key} {e.Problems[0].Message}", "a conversation that it takes", "many templates want turns that alternate"));
            return [1];
        }
    }

    private static bool IsText(JsonElement value, string text) => value.ValueKind == JsonValueKind.String && value.ValueEquals(text);

    private static Attune.Text.Role? RoleOf(string name) => name switch
    {
        "system" or "developer" => Attune.Text.Role.System,
        "user" => Attune.Text.Role.User,
        "assistant" => Attune.Text.Role.Assistant,
        _ => null,
    };

    private static string? TextOf(JsonElement content)
    {
        if (content.ValueKind == JsonValueKind.String)
            return content.GetString();
        if (content.ValueKind != JsonValueKind.Array)
            return null;
        var texts = new List<string>();
        foreach (var part in content.EnumerateArray())
        {
            if (part.ValueKind != JsonValueKind.Object || !part.TryGetProperty("type", out var type) || !IsText(type, "text") || !part.TryGetProperty("text", out var text) || text.ValueKind != JsonValueKind.String)
                return null;
            texts.Add(text.GetString()!);
        }

        return string.Concat(texts);
    }

    private void CheckLengths(RequestReader reader, IReadOnlyList<int[]> prompts, int choices, int most, bool isChat)
    {
        var (positions, limit) = (model.Files.Config.MaximumPositions, options.MaximumNewTokens ?? int.MaxValue);
        var name = isChat ? "max_completion_tokens" : "max_tokens";
        if (most > limit)
            reader.Problems.Add(Problem.Of(name, $"is {most}", $"at most {limit}, which this server gives an answer", "ask for fewer"));
        if (prompts.Count > 0 && prompts.Max(p => p.Length) is var longest && longest + (long)most > positions)
        {
            throw new ServeException(StatusCodes.Status400BadRequest, "context_length_exceeded", isChat ? "messages" : "prompt",
                $"{(isChat ? "messages" : "prompt")} has {longest} tokens and {name} is {most}, expected at most {positions} together, the positions of the model; shorten one of the two");
        }

        if (prompts.Count * (long)choices > options.MaximumAnswers)
            reader.Problems.Add(Problem.Of("n", $"is {choices} for {prompts.Count} prompts", $"at most {options.MaximumAnswers} answers together", "send several requests"));
    }

    /// <summary>A reply is built whole in memory, or in a stream's buffers: how much is told of its tokens has an end.</summary>
    private static void CheckLogProbs(RequestReader reader, string name, long tokens, int? top)
    {
        if (top is { } count && tokens * (count + 1L) > MostLogProbs)
            reader.Problems.Add(Problem.Of(name, $"is {count} for up to {tokens} tokens", $"at most {MostLogProbs} log-probs in a reply, each token's own and the likeliest", "send several requests, or ask for fewer"));
    }

    private static string ApiName(string key) => key switch
    {
        "topP" => "top_p",
        "topK" => "top_k",
        "minP" => "min_p",
        "repetitionPenalty" => "repetition_penalty",
        "presencePenalty" => "presence_penalty",
        "frequencyPenalty" => "frequency_penalty",
        "minimumNewTokens" => "min_tokens",
        "maximumNewTokens" => "max_tokens",
        "biases" => "logit_bias",
        _ => key,
    };
}
