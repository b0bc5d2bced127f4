using Attune.Rollouts;

namespace Attune.Web.Serving;

/// <summary>What a program asks for, whichever of the two forms it came in.</summary>
internal sealed record GenerationRequest
{
    /// <summary>Token ids of each prompt.</summary>
    public required IReadOnlyList<int[]> Prompts { get; init; }

    /// <summary>Answers to each.</summary>
    public required int Choices { get; init; }

    /// <summary>How tokens are drawn.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>Texts that end an answer; they are no part of it.</summary>
    public required IReadOnlyList<string> Stops { get; init; }

    /// <summary>How many of the likeliest tokens to name at each place, 0 for the drawn one alone; null for no log-probs at all.</summary>
    public required int? TopLogProbs { get; init; }

    /// <summary>Whether answers come as they are written.</summary>
    public required bool Streams { get; init; }

    /// <summary>Whether the stream ends with the number of tokens.</summary>
    public required bool StreamsUsage { get; init; }

    /// <summary>All draws come from it; drawn for the request where it names none.</summary>
    public required long Seed { get; init; }

    /// <summary>Whether an answer begins with its prompt. Plain completions only.</summary>
    public bool Echoes { get; init; }

    /// <summary>Whether the prompt alone is wanted, with what the model thinks of it.</summary>
    public bool WritesNothing { get; init; }

    /// <summary>Whether it came as a conversation.</summary>
    public required bool IsChat { get; init; }

    /// <summary>All answers.</summary>
    public int Answers => Prompts.Count * Choices;
}
