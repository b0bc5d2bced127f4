using Attune.Runs;
using Attune.Text;
using Attune.Tokens;

namespace Attune.Loop;

/// <summary>A token of a rendered conversation.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">What it adds to the text.</param>
/// <param name="IsLearned">Whether training reads its loss.</param>
public sealed record ShownToken(int Id, string Text, bool IsLearned);

/// <summary>What a folder's tokenizer makes of a conversation: its tokens, what is learned of them, and what may not be meant.</summary>
public sealed record TokenizerReport
{
    private static readonly Message[] Turns = [new(Role.User, "Hello!"), new(Role.Assistant, "Hi! What is on your mind?"), new(Role.User, "What is 2 + 2?"), new(Role.Assistant, "4.")];

    /// <summary>The folder or file.</summary>
    public required string Path { get; init; }

    /// <summary>One more than the largest id.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The tokens that only markup gives.</summary>
    public required IReadOnlyList<string> SpecialTokens { get; init; }

    /// <summary>What is put before a text that is no conversation.</summary>
    public required IReadOnlyList<ShownToken> Opening { get; init; }

    /// <summary>Where the template comes from: <c>own</c>, <c>chatml</c> or <c>transcript</c>.</summary>
    public required string Template { get; init; }

    /// <summary>A conversation as it is learned.</summary>
    public required IReadOnlyList<ShownToken> Conversation { get; init; }

    /// <summary>The same up to where a model is asked for its last answer.</summary>
    public required IReadOnlyList<ShownToken> Prompt { get; init; }

    /// <summary>What may not be meant.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Looks at a model folder's tokenizer, or at a tokenizer's file.</summary>
    /// <exception cref="InputException">There is none, it or its template is damaged, or the template takes no conversation.</exception>
    public static TokenizerReport Of(string path)
    {
        var tokenizer = Tokenizer.Load(path);
        var template = ChatEncoder.TemplateOf(tokenizer);
        var encoder = new ChatEncoder(tokenizer, template);
        var turns = Permitted(encoder);
        var (row, prompt) = (encoder.Row(new(turns)), encoder.Prompt(new(turns[..^1])));
        return new()
        {
            Path = path,
            VocabularySize = tokenizer.VocabularySize,
            SpecialTokens = [.. tokenizer.AddedTokens.Where(token => token.IsSpecial).Select(token => token.Content)],
            Opening = Shown(tokenizer, [.. tokenizer.Opening], _ => false),
            Template = tokenizer.ChatTemplate is not null ? "own" : template == ChatTemplate.ChatMl ? "chatml" : "transcript",
            Conversation = Shown(tokenizer, row.Ids, i => row.LossMask[i]),
            Prompt = Shown(tokenizer, prompt, _ => false),
            Warnings = [.. Doubts(tokenizer, row, prompt)],
        };
    }

    /// <summary>With instructions where the template permits them.</summary>
    private static Message[] Permitted(ChatEncoder encoder)
    {
        Message[] all = [new(Role.System, "Be brief."), .. Turns];
        try
        {
            encoder.Rendered(new(all), forAnswer: false);
            return all;
        }
        catch (InputException)
        {
            return Turns;
        }
    }

    private static IEnumerable<string> Doubts(Tokenizer tokenizer, TokenRow row, int[] prompt)
    {
        if (!tokenizer.SpellsEverything)
            yield return "the vocabulary cannot spell every text: characters that it lacks become an unknown token or are lost";
        if (tokenizer.ChatTemplate is null)
            yield return "the tokenizer has no chat_template: a model that was taught another form than the one shown will not understand it";
        if (row.Length > 1 && row.Ids[0] == tokenizer.BeginId && row.Ids[1] == row.Ids[0])
            yield return $"a conversation begins with {tokenizer.Roles.Begin} twice, expected once; take it out of the template";
        if (!row.HasLoss)
            yield return "nothing of an answer is learned, expected its words and its end; mark them in the template with {% generation %} and {% endgeneration %}";
        else if (row.Ids[Array.LastIndexOf(row.LossMask, true)] is var last && !tokenizer.IsSpecial(last))
            yield return $"an answer ends with \"{tokenizer.Decode([last])}\", which is no special token: a model that is taught so does not know when to stop";
        if (!row.Ids.AsSpan().StartsWith(prompt))
            yield return "a model is asked for an answer in another way than it is taught: see where the prompt and the conversation part";
    }

    private static ShownToken[] Shown(Tokenizer tokenizer, int[] ids, Func<int, bool> isLearned) =>
        [.. ids.Select((id, i) => new ShownToken(id, System.Text.Encoding.UTF8.GetString(tokenizer.BytesOf(id)), isLearned(i)))];
}
