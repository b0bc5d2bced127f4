using Attune.Text;
using Attune.Torch;
using Attune.Web.Texts;

namespace Attune.Web.Chat;

/// <summary>What a model is to answer, and how.</summary>
public sealed record ChatRequest
{
    /// <summary>The conversation so far; it ends with what the person said.</summary>
    public required Conversation Conversation { get; init; }

    /// <summary>How many answers, drawn independently.</summary>
    public required int Answers { get; init; }

    /// <summary>Divides the logits, above 0.</summary>
    public required double Temperature { get; init; }

    /// <summary>Draws from the likeliest tokens up to this probability together; above 0, 1 for all.</summary>
    public required double TopP { get; init; }

    /// <summary>Most tokens of an answer.</summary>
    public required int MaximumNewTokens { get; init; }

    /// <summary>All draws come from it, where the model lets us say.</summary>
    public required Seed Seed { get; init; }
}

/// <summary>A model that people talk with: one in this process, or one behind an address.</summary>
public interface IChatModel
{
    /// <summary>What judgments record as its answers' source. People who judge are not told.</summary>
    string Name { get; }

    /// <summary>Samples answers.</summary>
    /// <exception cref="ChatModelException">It gave none.</exception>
    Task<IReadOnlyList<string>> SampleAsync(ChatRequest request, CancellationToken stop);
}

/// <summary>The model gave no answer. What is said is for the person who waits for one, so it names neither model nor address nor key.</summary>
public sealed class ChatModelException : Exception
{
    /// <summary>A failure.</summary>
    /// <param name="phrase">What went wrong, as a whole sentence.</param>
    /// <param name="inner">The cause.</param>
    public ChatModelException(Phrase phrase, Exception? inner = null)
        : base(new Wording("en").Of(phrase), inner) => Phrase = phrase;

    /// <summary>What went wrong, in whatever language.</summary>
    public Phrase Phrase { get; }
}
