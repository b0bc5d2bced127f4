using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>
/// Samples one response for each of many requests with the same settings, through a <see cref="DecodingEngine"/>. Samples of one prompt share
/// its prefill; a draw depends on (seed, request, position) alone. Not here: beams (<see cref="BeamSearch"/>).
/// </summary>
public sealed class Sampler
{
    /// <summary>Rows that are decoded together where nobody says.</summary>
    public const int UsualBatch = 64;

    private readonly CausalLm _model;
    private readonly SamplingOptions _options;
    private readonly Func<int, byte[]>? _bytesOf;

    /// <summary>Creates a sampler.</summary>
    /// <param name="model">The policy; its weights are read at each call.</param>
    /// <param name="options">The chain.</param>
    /// <param name="bytesOf">Bytes of a token; needed for stop texts only.</param>
    public Sampler(CausalLm model, SamplingOptions options, Func<int, byte[]>? bytesOf = null)
    {
        if (options.Problems(vocabularySize: model.Config.VocabularySize).FirstOrDefault() is { } problem)
            throw new ArgumentException($"{problem.Key} {problem.Message}", nameof(options));
        if (options.StopStrings.Count > 0 && bytesOf is null)
            throw new ArgumentException("stop strings need a tokenizer's bytes", nameof(bytesOf));
        (_model, _options, _bytesOf) = (model, options, bytesOf);
    }

    /// <summary>Most rows that are decoded together.</summary>
    public int MaximumBatch { get; init; } = UsualBatch;

    /// <summary>Reads a value off the hidden state <c>[B,D] → [B]</c> that each token is drawn from, so that PPO needs no second pass for it.</summary>
    public Func<Tensor, Tensor>? ValueHead { get; init; }

    /// <summary>Models to steer the draws by, if any.</summary>
    public Contrast? Contrast { get; init; }

    /// <summary>The columns of keys and values that a row takes at most, for estimates of memory.</summary>
    /// <param name="tokens">Most tokens of a prompt with its response.</param>
    /// <param name="requests">How many there are.</param>
    /// <param name="batch">How many are decoded together.</param>
    public static long Columns(long tokens, long requests, int batch = UsualBatch) => requests > batch ? DecodingEngine.Columns(tokens) : tokens;

    /// <summary>Samples one response for each request, in the order of the requests.</summary>
    /// <param name="requests">Prompts and their numbers.</param>
    /// <param name="seed">All draws come from it.</param>
    /// <param name="finished">Called as responses end, with their number.</param>
    /// <param name="stop">Checked between tokens.</param>
    /// <exception cref="RunFailedException">The weights give no probabilities, or bans leave no token.</exception>
    public Rollout[] Sample(IReadOnlyList<SampleRequest> requests, Seed seed, Action<int>? finished = null, CancellationToken stop = default)
    {
        var results = new Rollout[requests.Count];
        using var engine = new DecodingEngine(_model, Contrast) { MaximumRows = MaximumBatch, ValueHead = ValueHead };
        foreach (var request in requests)
            engine.Check(request, _options.MaximumNewTokens);
        // Neighbours of similar length waste least on padding; the order has no influence on the draws.
        var order = Enumerable.Range(0, requests.Count).OrderBy(k => requests[k].Prompt.Length).ToArray();
        for (var next = 0; ;)
        {
            for (; next < order.Length && engine.Waiting / 2 < MaximumBatch; next++)
                engine.Submit(Asked(order[next]));
            if (!engine.Step(stop) && next == order.Length)
                return results;
        }

        Decoding Asked(int k) => new(requests[k], seed, _options, _bytesOf)
        {
            Finished = rollout =>
            {
                results[k] = rollout;
                finished?.Invoke(1);
            },
        };
    }
}
