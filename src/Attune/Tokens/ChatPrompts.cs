using Attune.Text;

namespace Attune.Tokens;

/// <summary>How one talks with a model: what a conversation gives it to read, by its tokenizer's chat template, and what ends its answer.</summary>
public sealed class ChatPrompts
{
    private const string TurnEnds = "<|im_end|>", NextSpeaker = "\n\nHuman:";

    private readonly ChatEncoder _chat;

    /// <summary>For a tokenizer.</summary>
    /// <param name="tokenizer">Whose template and tokens count.</param>
    /// <param name="now">The day that the template is told; null for the one that it was told in training.</param>
    /// <exception cref="Runs.InputException">Its template is malformed.</exception>
    public ChatPrompts(Tokenizer tokenizer, DateTimeOffset? now = null)
    {
        var template = ChatEncoder.TemplateOf(tokenizer);
        _chat = new(tokenizer, template) { Now = now ?? ChatTokens.UsualNow };
        Stops = template.Source == ChatTemplate.Transcript.Source ? [NextSpeaker] : [];
        EndIds = tokenizer.IdOf(TurnEnds) is { } end ? [end] : [];
    }

    /// <summary>Texts that end an answer.</summary>
    public IReadOnlyList<string> Stops { get; }

    /// <summary>Tokens that end an answer, beside those of the model.</summary>
    public IReadOnlyList<int> EndIds { get; }

    /// <summary>The tokens that a conversation gives a model to answer.</summary>
    /// <exception cref="Runs.InputException">The template refuses it.</exception>
    public int[] Of(Conversation conversation) => _chat.Prompt(conversation);
}
