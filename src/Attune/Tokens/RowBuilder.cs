using Attune.Text;

namespace Attune.Tokens;

/// <summary>What becomes of rows that are too long, and what ends an answer.</summary>
public sealed record RowOptions
{
    /// <summary>Most tokens of a row.</summary>
    public int Longest { get; init; } = 512;

    /// <summary>What happens to longer ones.</summary>
    public OverlongRule Overlong { get; init; } = OverlongRule.CutEnd;

    /// <summary>Whether answers end with the end token, which is learned, and a conversation's template has it: without it a model never stops.</summary>
    public bool AddEnd { get; init; } = true;

    /// <summary>How conversations are written: <c>transcript</c>, <c>chatml</c> or a template's file; null for the model's own, see <see cref="ChatEncoder"/>.</summary>
    public string? Chat { get; init; }
}

/// <summary>
/// Turns records of text into rows of tokens with the loss on answers only. Prompt and answer are encoded apart, so that no piece spans
/// both and a sampled prompt has the same tokens as a trained one.
/// </summary>
public sealed class RowBuilder
{
    private readonly Tokenizer _tokenizer;
    private readonly RowOptions _options;
    private readonly Lazy<ChatEncoder> _chat; // a template that cannot be read matters only where there are conversations
    private readonly int[] _end;

    /// <summary>A builder for one tokenizer.</summary>
    public RowBuilder(Tokenizer tokenizer, RowOptions options)
    {
        (_tokenizer, _options) = (tokenizer, options);
        _end = !options.AddEnd ? [] : tokenizer.EndId is { } id ? [id]
            : throw new ArgumentException("the tokenizer has no end token, expected one to end answers with; name it in tokenizer_config.json or set addEnd to false", nameof(tokenizer));
        _chat = new(() => new(tokenizer, ChatEncoder.TemplateOf(tokenizer, options.Chat)) { HasEnd = options.AddEnd });
    }

    /// <summary>Rows that lost some of their tokens so far.</summary>
    public long Shortened { get; private set; }

    /// <summary>Rows left out so far: too long, or nothing left for the loss.</summary>
    public long Dropped { get; private set; }

    /// <summary>A document in which every token counts, ended where the options say so.</summary>
    public TokenRow Whole(Document document) => TokenRow.Whole([.. _tokenizer.Opened(_tokenizer.Encode(document.Text)), .. _end]);

    /// <summary>A prompt with its answer, or null where it is dropped.</summary>
    public TokenRow? Of(PromptResponse pair) => Fit(Row(pair.Prompt, pair.Response));

    /// <summary>A conversation with the loss on all of the assistant's turns, or null where it is dropped.</summary>
    public TokenRow? Of(Conversation conversation) => Fit(_chat.Value.Row(conversation));

    /// <summary>Both answers after their prompt, or null where either is dropped.</summary>
    public PreferenceRow? Of(PreferencePair pair)
    {
        var (chosen, rejected) = (Cut(Row(pair.Prompt, pair.Chosen)), Cut(Row(pair.Prompt, pair.Rejected)));
        if (chosen is null || rejected is null)
        {
            Dropped++;
            return null;
        }
        return new(chosen, rejected);
    }

    /// <summary>The tokens that a conversation gives a model to answer.</summary>
    public int[] Prompt(Conversation conversation) => _chat.Value.Prompt(conversation);

    private TokenRow Row(string prompt, string response)
    {
        var ids = _tokenizer.Opened(_tokenizer.Encode(prompt)).ToList();
        var asked = ids.Count;
        _tokenizer.EncodeBehind(response, ids);
        return TokenRow.Of([.. ids[..asked]], [.. ids[asked..], .. _end]);
    }

    private TokenRow? Fit(TokenRow row)
    {
        var fitting = Cut(row);
        if (fitting is null)
            Dropped++;
        return fitting;
    }

    private TokenRow? Cut(TokenRow row)
    {
        var fitting = Truncation.Fit(row, _options.Longest, _options.Overlong);
        if (fitting is not null && fitting.Length < row.Length)
            Shortened++;
        return fitting;
    }
}
