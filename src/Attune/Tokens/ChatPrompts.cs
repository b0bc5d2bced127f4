using Attune.Text;

namespace Attune.Tokens;

/// <summary>
/// How one talks with a model: what a conversation gives it to read, and what ends its answer. A tokenizer with the tokens of ChatML is spoken to in that form, any
/// other in that of Anthropic's dialogues.
/// </summary>
public sealed class ChatPrompts
{
    private const string TurnBegins = "<|im_start|>", TurnEnds = "<|im_end|>", NextSpeaker = "\n\nHuman:";

    private readonly RowBuilder _rows;

    /// <summary>For a tokenizer.</summary>
    public ChatPrompts(Tokenizer tokenizer)
    {
        var isChatMl = tokenizer.IdOf(TurnBegins) is not null && tokenizer.IdOf(TurnEnds) is not null;
        _rows = new(tokenizer, new() { Chat = isChatMl ? ChatFormat.ChatMl : ChatFormat.Transcript, AddEnd = tokenizer.EndId is not null }); // as models are taught
        Stops = isChatMl ? [] : [NextSpeaker];
    }

    /// <summary>Texts that end an answer, beside the end tokens.</summary>
    public IReadOnlyList<string> Stops { get; }

    /// <summary>The tokens that a conversation gives a model to answer.</summary>
    public int[] Of(Conversation conversation) => _rows.Prompt(conversation);
}
