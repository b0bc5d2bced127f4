using Attune.Text;

namespace Attune.Tokens;

/// <summary>
/// Turns conversations into tokens through a template, the same way for training, sampling and evaluation. Special tokens come from the template alone: what people wrote is text,
/// and nothing is put before what the template begins with. Answers are encoded apart from what comes before them, so that a sampled prompt has the same tokens as a trained one.
/// </summary>
public sealed class ChatEncoder(Tokenizer tokenizer, ChatTemplate template)
{
    private readonly ChatTokens _tokens = new()
    {
        Begin = tokenizer.Roles.Begin,
        End = tokenizer.Roles.End,
        Padding = tokenizer.Roles.Padding,
        Special = [.. tokenizer.AddedTokens.Where(token => token.IsSpecial).Select(token => token.Content)],
    };

    /// <summary>Whether the template is given the end token.</summary>
    public bool HasEnd { get; init; } = true;

    /// <summary>The day that a template is told; the same one for all where nobody says.</summary>
    public DateTimeOffset Now { get; init; } = ChatTokens.UsualNow;

    /// <summary>The template that a tokenizer's conversations are written with: one of that name or file, else its own, else ChatML where it has the tokens of that, else Anthropic's dialogues.</summary>
    /// <exception cref="Runs.InputException">There is no such template, or it is malformed.</exception>
    public static ChatTemplate TemplateOf(Tokenizer tokenizer, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (name is not null)
            return ChatTemplate.Named(name);
        if (tokenizer.ChatTemplate is { } own)
            return ChatTemplate.Parse(own, "The tokenizer's chat_template");
        return tokenizer.IdOf("<|im_start|>") is not null && tokenizer.IdOf("<|im_end|>") is not null ? ChatTemplate.ChatMl : ChatTemplate.Transcript;
    }

    /// <summary>A conversation with the loss on all of the assistant's turns.</summary>
    /// <exception cref="Runs.InputException">The template refuses it.</exception>
    public TokenRow Row(Conversation conversation) => Encode(Rendered(conversation, forAnswer: false));

    /// <summary>The tokens that a conversation gives a model to answer.</summary>
    /// <exception cref="Runs.InputException">The template refuses it.</exception>
    public int[] Prompt(Conversation conversation) => Encode(Rendered(conversation, forAnswer: true)).Ids;

    /// <summary>A conversation as text.</summary>
    public RenderedChat Rendered(Conversation conversation, bool forAnswer) => template.Render(conversation, _tokens with { End = HasEnd ? _tokens.End : "", Now = Now }, forAnswer);

    private TokenRow Encode(RenderedChat chat)
    {
        var (ids, mask) = (new List<int>(), new List<bool>());
        foreach (var (start, end, isLearned) in chat.Parts())
        {
            tokenizer.EncodeMarkup(chat.Text.AsSpan(start, end - start), (from, to) => chat.IsData(start + from, start + to), ids);
            while (mask.Count < ids.Count)
                mask.Add(isLearned);
        }
        return new([.. ids], [.. mask]);
    }
}
