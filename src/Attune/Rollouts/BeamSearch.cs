using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>
/// Beam search, as transformers' <c>generate</c> does it: of all continuations of the open beams the best 2 · beams are candidates; one that ends
/// counts only where it ranks within the beams; the best others go on. Penalties and bans act on log-probs, which are not normalised again;
/// a temperature divides the logits before that, so scores are those of the tempered distribution. Not here: beams that draw, groups of beams,
/// several prompts at once.
/// </summary>
public sealed class BeamSearch
{
    private readonly CausalLm _model;
    private readonly BeamOptions _beams;
    private readonly SamplingOptions _options;
    private readonly Contrast? _contrast;
    private readonly SamplingChain _chain;

    /// <summary>Prepares a search.</summary>
    /// <param name="model">The model.</param>
    /// <param name="beams">How to search.</param>
    /// <param name="options">Temperature, penalties, bans and lengths; truncations and stop texts are refused.</param>
    /// <param name="contrast">Models to steer it by, if any.</param>
    public BeamSearch(CausalLm model, BeamOptions beams, SamplingOptions options, Contrast? contrast = null)
    {
        if (beams.Problems().Concat(options.Problems(vocabularySize: model.Config.VocabularySize)).FirstOrDefault() is { } problem)
            throw new ArgumentException($"{problem.Key} {problem.Message}", nameof(options));
        if (options.StopStrings.Count > 0 || options.Temperature == 0 || new SamplingChain(options).Steps.Any(step => step > SamplingStep.Temperature))
            throw new ArgumentException("the settings cut the distribution off, draw or stop at texts, expected none of these where nothing is drawn; leave them out", nameof(options));
        (_model, _beams, _options, _contrast) = (model, beams, options, contrast);
        _chain = new(options with { IsGreedy = true }); // what depends on the history alone
    }

    private sealed record Beam(int[] Response, float[] LogProbs, double Sum);

    /// <summary>A beam with one more token.</summary>
    private readonly record struct Candidate(int Beam, int Token, double Sum);

    /// <summary>The best responses to a prompt, best first: as many as asked for, or fewer where the vocabulary and the bans allow no more.</summary>
    /// <param name="prompt">Token ids, at least one.</param>
    /// <param name="stop">Checked between tokens.</param>
    /// <exception cref="RunFailedException">The weights give no probabilities.</exception>
    public IReadOnlyList<Hypothesis> Search(int[] prompt, CancellationToken stop = default)
    {
        using var numbers = Autograd.Inference();
        using var rows = new DecodedRows(_model, _contrast);
        Check(prompt, rows.MaximumPositions);
        rows.Reserve(_beams.Beams, prompt.Length + _options.MaximumNewTokens, _beams.Beams);
        var finished = new BeamHypotheses(_beams, _options.MaximumNewTokens);
        var open = new List<Beam> { new([], [], 0) };
        for (var tokens = 1; ; tokens++)
        {
            stop.ThrowIfCancellationRequested();
            using var scope = TensorScope.Begin();
            var next = tokens == 1 ? rows.Join([prompt]) : rows.Step(LastTokens(open, prompt.Length));
            var logProbs = LogProbs(next.Logits, open, out var scores, prompt);
            var candidates = Best(open, scores, _beams.Beams * Math.Max(2, 1 + _options.EndTokens.Distinct().Count()));
            var chosen = new List<Candidate>();
            for (var rank = 0; rank < candidates.Count && chosen.Count < _beams.Beams; rank++)
            {
                var candidate = candidates[rank];
                if (!_options.EndTokens.Contains(candidate.Token))
                    chosen.Add(candidate);
                else if (rank < _beams.Beams)
                    Finish(finished, Grown(open, candidate, logProbs), FinishReason.EndToken);
            }

            var isDone = chosen.Count == 0 || finished.IsDone(candidates[0].Sum, tokens);
            open = [.. chosen.Select(candidate => Grown(open, candidate, logProbs))];
            if (isDone || tokens == _options.MaximumNewTokens)
            {
                foreach (var beam in isDone ? [] : open)
                    Finish(finished, beam, FinishReason.Length);
                return [.. finished.BestFirst.Take(_beams.Best ?? _beams.Beams)];
            }

            rows.Select([.. chosen.Select(candidate => candidate.Beam)]);
        }
    }

    private void Check(int[] prompt, int positions)
    {
        if (prompt.Length == 0)
            throw new ArgumentException("the prompt is empty, expected at least one token", nameof(prompt));
        if (prompt.Any(token => token < 0 || token >= _model.Config.VocabularySize))
            throw new ArgumentException($"the prompt has a token that the model does not know, expected 0 to {_model.Config.VocabularySize - 1}", nameof(prompt));
        if (prompt.Length + _options.MaximumNewTokens > positions)
            throw new ArgumentException($"the prompt has {prompt.Length} tokens and {_options.MaximumNewTokens} more are asked for, but the model has {positions} positions; shorten the prompt or ask for fewer", nameof(prompt));
    }

    private ModelInput LastTokens(List<Beam> open, int promptTokens) =>
        ModelInput.Next([.. open.Select(beam => beam.Response[^1])], [.. open.Select(beam => promptTokens + beam.Response.Length - 1)], mask: null, _model.Compute);

    /// <summary>log softmax(logits / T) of each open beam, and the same after penalties and bans.</summary>
    private float[][] LogProbs(Tensor logits, List<Beam> open, out float[][] scores, int[] prompt)
    {
        var vocabulary = (int)logits.Size(1);
        var all = logits.AsSpan<float>();
        var logProbs = new float[open.Count][];
        scores = new float[open.Count][];
        for (var k = 0; k < logProbs.Length; k++)
        {
            var row = all.Slice(k * vocabulary, vocabulary).ToArray();
            if (_options.RemoveInvalid)
                Truncation.RemoveInvalid(row, _options.Temperature);
            Truncation.Temper(row, _options.Temperature);
            var (maximum, sum) = TokenDraw.MaximumAndSum(row);
            var total = maximum + Math.Log(sum);
            if (!double.IsFinite(total))
                throw new RunFailedException($"the logits are not finite after {open[k].Response.Length} tokens, expected finite numbers; the model's weights are damaged or its training diverged: take an earlier checkpoint or the model's original");
            logProbs[k] = Array.ConvertAll(row, logit => (float)(logit - total));
            scores[k] = (float[])logProbs[k].Clone();
            int[] history = [.. prompt, .. open[k].Response];
            _chain.Apply(scores[k], history, open[k].Response.Length);
        }

        return logProbs;
    }

    /// <summary>The best continuations of all open beams, best first; of equals the first in the order of beams and ids.</summary>
    private static List<Candidate> Best(List<Beam> open, float[][] scores, int count)
    {
        var worstFirst = new PriorityQueue<Candidate, (double Sum, long Place)>(Comparer<(double Sum, long Place)>.Create((a, b) => a.Sum != b.Sum ? a.Sum.CompareTo(b.Sum) : b.Place.CompareTo(a.Place)));
        for (var k = 0; k < scores.Length; k++)
        {
            for (var token = 0; token < scores[k].Length; token++)
            {
                var sum = open[k].Sum + scores[k][token];
                if (double.IsNegativeInfinity(sum) || (worstFirst.Count == count && worstFirst.TryPeek(out var worst, out _) && sum <= worst.Sum))
                    continue;
                if (worstFirst.Count == count)
                    worstFirst.Dequeue();
                worstFirst.Enqueue(new(k, token, sum), (sum, ((long)k * scores[k].Length) + token));
            }
        }

        var best = new List<Candidate>(worstFirst.Count);
        while (worstFirst.TryDequeue(out var candidate, out _))
            best.Add(candidate);
        best.Reverse();
        return best;
    }

    private static Beam Grown(List<Beam> open, Candidate by, float[][] logProbs)
    {
        var beam = open[by.Beam];
        return new([.. beam.Response, by.Token], [.. beam.LogProbs, logProbs[by.Beam][by.Token]], by.Sum);
    }

    private static void Finish(BeamHypotheses finished, Beam beam, FinishReason reason) => finished.Add(beam.Response, beam.LogProbs, beam.Sum, reason);
}
