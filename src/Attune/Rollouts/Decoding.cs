using System.Runtime.InteropServices;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>A token as it is drawn.</summary>
/// <param name="Token">Its id.</param>
/// <param name="LogProb">As in <see cref="Rollout.LogProbs"/>.</param>
/// <param name="Top">The likeliest tokens of the same distribution, likeliest first, as many as were asked for.</param>
/// <param name="Finish">Why the response ends with it; null where it goes on.</param>
public readonly record struct DrawnToken(int Token, float LogProb, IReadOnlyList<TokenLogProb> Top, FinishReason? Finish);

/// <summary>One response in the making: what was asked, who wants to hear of it, and how far it is. An engine changes it, on its thread.</summary>
public sealed class Decoding
{
    private readonly List<int> _tokens;
    private readonly List<float> _logProbs = [];
    private readonly List<float> _values = [];
    private readonly StopStrings _stops;
    private volatile bool _isCancelled;

    /// <summary>Asks for a response.</summary>
    /// <param name="request">Prompt and number.</param>
    /// <param name="seed">All draws come from it and from the request's number.</param>
    /// <param name="options">The chain, and what ends the response.</param>
    /// <param name="bytesOf">Bytes of a token; needed for stop texts only.</param>
    public Decoding(SampleRequest request, Seed seed, SamplingOptions options, Func<int, byte[]>? bytesOf = null)
    {
        if (options.StopStrings.Count > 0 && bytesOf is null)
            throw new ArgumentException("stop strings need a tokenizer's bytes", nameof(bytesOf));
        (Request, Seed, Options) = (request, seed, options);
        (Chain, _stops, _tokens) = (new(options), new(options.StopStrings, bytesOf ?? (_ => [])), [.. request.Prompt]);
        _tokens.EnsureCapacity(Longest);
    }

    /// <summary>What was asked.</summary>
    public SampleRequest Request { get; }

    /// <summary>How many of the likeliest tokens to name at each place.</summary>
    public int TopLogProbs { get; init; }

    /// <summary>Called with each token. Like the other two it runs on the engine's thread, between its steps: it has to be quick.</summary>
    public Action<DrawnToken>? Drawn { get; init; }

    /// <summary>Called with the whole response at its end.</summary>
    public Action<Rollout>? Finished { get; init; }

    /// <summary>Called where no token can be drawn; without it the engine's step throws.</summary>
    public Action<RunFailedException>? Failed { get; init; }

    internal Seed Seed { get; }

    internal SamplingOptions Options { get; }

    internal SamplingChain Chain { get; }

    /// <summary>Tokens of the response so far.</summary>
    internal int NewTokens => _tokens.Count - Request.Prompt.Length;

    /// <summary>Tokens of prompt and response so far.</summary>
    internal ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>Most tokens that it can come to have.</summary>
    internal int Longest => Request.Prompt.Length + Options.MaximumNewTokens;

    /// <summary>Columns before its first token.</summary>
    internal int Padding { get; set; }

    internal FinishReason? Finish { get; private set; }

    internal bool HasFailed { get; private set; }

    internal bool IsCancelled => _isCancelled;

    internal bool IsOver => Finish is not null || HasFailed || IsCancelled;

    /// <summary>Gives the response up, from any thread: its place is free at the engine's next step, and nobody is called any more.</summary>
    public void Cancel() => _isCancelled = true;

    internal void Add(TokenLogProb drawn, float value, IReadOnlyList<TokenLogProb> top)
    {
        _tokens.Add(drawn.Token);
        _logProbs.Add(drawn.LogProb);
        _values.Add(value);
        if (Options.EndTokens.Contains(drawn.Token))
            Finish = FinishReason.EndToken;
        else if (_stops.Add(drawn.Token))
            Finish = FinishReason.StopString;
        else if (NewTokens == Options.MaximumNewTokens)
            Finish = FinishReason.Length;
        if (!IsCancelled)
            Drawn?.Invoke(new(drawn.Token, drawn.LogProb, top, Finish));
    }

    /// <summary>Ends without a result; throws where nobody listens.</summary>
    internal void Fail(RunFailedException reason)
    {
        HasFailed = true;
        if (Failed is null)
            throw reason;
        if (!IsCancelled)
            Failed(reason);
    }

    internal void TellFinished(bool hasValues)
    {
        if (Finish is not { } finish || IsCancelled)
            return;
        Finished?.Invoke(new Rollout
        {
            Id = Request.Id,
            Prompt = Request.Prompt,
            Response = Tokens[Request.Prompt.Length..].ToArray(),
            LogProbs = [.. _logProbs],
            Values = hasValues ? [.. _values] : null,
            Finish = finish,
        });
    }
}
