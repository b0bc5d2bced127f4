using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>
/// Samples responses in batches. Samples of one prompt share its prefill; a row that finishes leaves the batch at once; each draw takes one
/// uniform number that depends on (seed, request, position) alone, so neighbours and batch size never change it. Not here: beams, and rows
/// that join a running batch.
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

    /// <summary>Samples one response for each request, in the order of the requests.</summary>
    /// <param name="requests">Prompts and their numbers.</param>
    /// <param name="seed">All draws come from it.</param>
    /// <param name="finished">Called as responses end, with their number.</param>
    /// <param name="stop">Checked between tokens.</param>
    /// <exception cref="RunFailedException">The weights give no probabilities.</exception>
    public Rollout[] Sample(IReadOnlyList<SampleRequest> requests, Seed seed, Action<int>? finished = null, CancellationToken stop = default)
    {
        foreach (var request in requests)
            CheckPrompt(request);
        using var numbers = Autograd.Inference();
        var results = new Rollout[requests.Count];
        // Neighbours of similar length waste least on padding; the order has no influence on the draws.
        var order = Enumerable.Range(0, requests.Count).OrderBy(k => requests[k].Prompt.Length).ToArray();
        foreach (var chunk in order.Chunk(MaximumBatch))
        {
            var rows = chunk.Select(k => new Row(k, requests[k], _options, _bytesOf)).ToArray();
            Decode(rows, seed, row =>
            {
                results[row.Index] = row.ToRollout(ValueHead is not null);
                finished?.Invoke(1);
            }, stop);
        }

        return results;
    }

    private void CheckPrompt(SampleRequest request)
    {
        if (request.Prompt.Length == 0)
            throw new ArgumentException($"request {request.Id} has an empty prompt, expected at least one token");
        var room = _model.Config.MaximumPositions - request.Prompt.Length;
        if (room < _options.MaximumNewTokens)
            throw new ArgumentException($"request {request.Id} has {request.Prompt.Length} prompt tokens and asks for {_options.MaximumNewTokens} more, but the model has {_model.Config.MaximumPositions} positions; shorten the prompt or ask for at most {Math.Max(0, room)}");
        if (Array.FindIndex(request.Prompt, t => t < 0 || t >= _model.Config.VocabularySize) is var bad and >= 0)
            throw new ArgumentException($"request {request.Id} has token {request.Prompt[bad]} at place {bad}, expected 0 to {_model.Config.VocabularySize - 1}");
    }

    private void Decode(Row[] rows, Seed seed, Action<Row> done, CancellationToken stop)
    {
        var width = rows.Max(r => r.Request.Prompt.Length);
        foreach (var row in rows)
            row.Padding = width - row.Request.Prompt.Length;
        using var outer = TensorScope.Begin();
        using var cache = new KvCache(_model.Config, rows.Length, width + _options.MaximumNewTokens, _model.Compute);
        var hidden = Prefill(rows, cache, width); // [B,D]
        var active = rows.Length;
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            using var scope = TensorScope.Begin();
            Draw(rows.AsSpan(0, active), hidden, seed);
            for (var k = active - 1; k >= 0; k--)
            {
                if (rows[k].Finish is null)
                    continue;
                done(rows[k]);
                active--;
                if (k < active)
                {
                    cache.MoveRow(active, k);
                    rows[k] = rows[active];
                }
            }

            if (active == 0)
                return;
            if (active < cache.Rows)
                cache.KeepRows(active);
            hidden.Dispose();
            hidden = scope.Keep(_model.Hidden(Next(rows.AsSpan(0, active), cache.Length + 1), cache).Select(1, 0));
        }
    }

    /// <summary>Runs the distinct prompts through the model once and deals their caches out to the rows.</summary>
    /// <returns>The hidden state of each row's last prompt token <c>[B,D]</c>.</returns>
    private Tensor Prefill(Row[] rows, KvCache cache, int width)
    {
        using var scope = TensorScope.Begin();
        var distinct = new List<int[]>();
        var places = new Dictionary<string, int>();
        var sources = new int[rows.Length];
        for (var k = 0; k < rows.Length; k++)
        {
            var key = string.Join(' ', rows[k].Request.Prompt);
            if (!places.TryGetValue(key, out sources[k]))
            {
                places[key] = sources[k] = distinct.Count;
                distinct.Add(rows[k].Request.Prompt);
            }
        }

        var ids = new int[distinct.Count * width];
        var segments = new int[ids.Length];
        for (var k = 0; k < distinct.Count; k++)
        {
            var start = k * width + width - distinct[k].Length;
            distinct[k].CopyTo(ids, start);
            segments.AsSpan(start, distinct[k].Length).Fill(1);
        }

        var input = ModelInput.Of(ids, segments, distinct.Count, _model.Compute);
        var last = Tensor.Arange(width - 1, ids.Length, width, _model.Compute.Device);
        if (distinct.Count == rows.Length)
            return scope.Keep(_model.HiddenAt(input, last, cache));
        using var shared = new KvCache(_model.Config, distinct.Count, width, _model.Compute);
        var hidden = _model.HiddenAt(input, last, shared);
        cache.CopyRows(shared, sources);
        var index = Tensor.From(Array.ConvertAll(sources, s => (long)s), sources.Length).To(_model.Compute.Device);
        return scope.Keep(hidden.IndexSelect(0, index));
    }

    private ModelInput Next(ReadOnlySpan<Row> rows, int span)
    {
        var ids = new int[rows.Length];
        var positions = new int[rows.Length];
        var padded = false;
        for (var k = 0; k < rows.Length; k++)
        {
            ids[k] = rows[k].Response[^1];
            positions[k] = rows[k].Request.Prompt.Length + rows[k].Response.Count - 1;
            padded |= rows[k].Padding > 0;
        }

        Tensor? mask = null;
        if (padded)
        {
            var bias = new float[rows.Length * span];
            for (var k = 0; k < rows.Length; k++)
                bias.AsSpan(k * span, rows[k].Padding).Fill(float.NegativeInfinity);
            mask = Tensor.From(bias, rows.Length, 1, span).To(_model.Compute);
        }

        return ModelInput.Next(ids, positions, mask, _model.Compute);
    }

    /// <summary>Draws the next token of every row from its hidden state.</summary>
    private void Draw(ReadOnlySpan<Row> rows, Tensor hidden, Seed seed)
    {
        var logits = _model.Logits(hidden).To(DType.Float32).To(Device.Cpu); // [B,V]
        var values = ValueHead?.Invoke(hidden).To(DType.Float32).To(Device.Cpu).ToArray<float>();
        var isPlain = !_options.IsGreedy && !_options.IsTruncated;
        var temperature = _options.LogProbTemperature;
        var probabilities = (temperature == 1 ? logits : logits / temperature).Softmax(-1).AsSpan<float>();
        var raw = logits.AsSpan<float>();
        var vocabulary = logits.Size(1);
        for (var k = 0; k < rows.Length; k++)
        {
            var p = probabilities.Slice(k * vocabulary, vocabulary);
            if (!float.IsFinite(p[0]))
                throw new RunFailedException($"the logits of request {rows[k].Request.Id} are not finite after {rows[k].Response.Count} tokens, expected finite numbers; the model's weights are damaged or its training diverged: take an earlier checkpoint or the model's original");
            var uniform = seed.Uniform(rows[k].Request.Id, rows[k].Response.Count);
            var row = raw.Slice(k * vocabulary, vocabulary);
            var token = isPlain ? SamplingChain.Invert(p, uniform) : Filtered(row, rows[k], uniform);
            rows[k].Add(token, (float)LogProb(token, p, row, temperature), values?[k] ?? 0, _options);
        }
    }

    /// <summary>The log of a token's probability, also where that is too small for float32: then by its distance from the likeliest token.</summary>
    private static double LogProb(int token, ReadOnlySpan<float> probabilities, ReadOnlySpan<float> logits, double temperature)
    {
        const float Exact = 1e-30f; // float32 loses digits below 1.2e-38
        if (probabilities[token] >= Exact)
            return Math.Log(probabilities[token]);
        var best = SamplingChain.ArgMax(logits);
        return ((double)logits[token] - logits[best]) / temperature + Math.Log(probabilities[best]);
    }

    private int Filtered(ReadOnlySpan<float> logits, Row row, double uniform)
    {
        var copy = logits.ToArray();
        SamplingChain.Apply(copy, _options, row.History, row.Response.Count);
        return _options.IsGreedy ? SamplingChain.ArgMax(copy) : SamplingChain.Draw(copy, uniform);
    }

    /// <summary>A response in the making.</summary>
    private sealed class Row(int index, SampleRequest request, SamplingOptions options, Func<int, byte[]>? bytesOf)
    {
        private readonly List<float> _logProbs = [];
        private readonly List<float> _values = [];
        private readonly StopStrings _stops = new(options.StopStrings, bytesOf ?? (_ => []));

        public int Index { get; } = index;

        public SampleRequest Request { get; } = request;

        public List<int> Response { get; } = [];

        public int Padding { get; set; }

        public FinishReason? Finish { get; private set; }

        public IReadOnlyCollection<int> History => [.. Request.Prompt, .. Response];

        public void Add(int token, float logProb, float value, SamplingOptions options)
        {
            Response.Add(token);
            _logProbs.Add(logProb);
            _values.Add(value);
            if (options.EndTokens.Contains(token))
                Finish = FinishReason.EndToken;
            else if (_stops.Add(token))
                Finish = FinishReason.StopString;
            else if (Response.Count == options.MaximumNewTokens)
                Finish = FinishReason.Length;
        }

        public Rollout ToRollout(bool withValues) => new()
        {
            Id = Request.Id,
            Prompt = Request.Prompt,
            Response = [.. Response],
            LogProbs = [.. _logProbs],
            Values = withValues ? [.. _values] : null,
            Finish = Finish ?? FinishReason.Length,
        };
    }
}
