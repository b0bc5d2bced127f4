using Attune.Tokens;

namespace Attune.Rollouts;

/// <summary>Why a response ended.</summary>
public enum FinishReason
{
    /// <summary>It reached the maximum length.</summary>
    Length,

    /// <summary>An end token was drawn.</summary>
    EndToken,

    /// <summary>A stop text appeared.</summary>
    StopString,
}

/// <summary>What to sample: a prompt, and the number that its draws depend on.</summary>
/// <param name="Prompt">Token ids, at least one.</param>
/// <param name="Id">Draws are a function of (seed, id, position), whoever shares the batch.</param>
public sealed record SampleRequest(int[] Prompt, long Id);

/// <summary>A sampled response, kept as token ids and never tokenised again.</summary>
public sealed record Rollout
{
    /// <summary>The request's number.</summary>
    public required long Id { get; init; }

    /// <summary>Token ids of the prompt.</summary>
    public required int[] Prompt { get; init; }

    /// <summary>Token ids of the response, the end token included.</summary>
    public required int[] Response { get; init; }

    /// <summary>Log-prob of each response token under the full temperature-scaled distribution, in nats.</summary>
    public required float[] LogProbs { get; init; }

    /// <summary>Value of the state before each response token, when the sampler was given a value head.</summary>
    public float[]? Values { get; init; }

    /// <summary>Why it ended.</summary>
    public required FinishReason Finish { get; init; }

    /// <summary>What people read of the response: without the token that ended it, whether or not that is a special one, and without special tokens.</summary>
    public string TextBy(Tokenizer tokenizer) => tokenizer.Decode(Finish == FinishReason.EndToken ? Response.AsSpan(..^1) : Response, skipSpecial: true);
}
