using System.Text;
using Attune.Models;
using Attune.Runs;
using Attune.Text;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>How likely a continuation is after its context.</summary>
/// <param name="LogLikelihood">Sum of its tokens' log-probs, in nats.</param>
/// <param name="Tokens">How many tokens it has.</param>
/// <param name="IsGreedy">Whether each of them is the likeliest at its place.</param>
/// <param name="PerCharacter">The sum over the characters (Unicode scalars) of the continuation without the blank it begins with; what <c>acc_norm</c> compares.</param>
/// <param name="PerByte">The sum over the UTF-8 bytes of the same; what <c>acc_bytes</c> compares.</param>
public sealed record ContinuationScore(double LogLikelihood, int Tokens, bool IsGreedy, double PerCharacter, double PerByte);

/// <summary>
/// Log-likelihoods of continuations, as lm-evaluation-harness defines them: blanks at the end of a context belong to what follows; the whole is tokenised, and the continuation's tokens are those
/// behind as many as the context alone has; without a context the model's begin token (or else its end token) stands before. Every text goes through the model alone, on one thread, several
/// of them side by side: a result is the same to the bit whatever it is computed together with.
/// </summary>
public static class ContinuationScoring
{
    /// <summary>Tokens of a request and how many of them are context.</summary>
    /// <exception cref="InputException">The continuation is empty or longer than the model reads, or nothing can stand before it.</exception>
    public static (int[] Ids, int Context) Encode(Continuation request, ModelDescription model, string name)
    {
        var tokenizer = model.Tokenizer!;
        var kept = request.Context.TrimEnd();
        var continuation = request.Context[kept.Length..] + request.Text;
        int[] ids = tokenizer.Encode(kept + continuation);
        var context = tokenizer.Encode(kept).Length;
        if (context == 0)
        {
            if ((model.Config.BosId ?? tokenizer.BeginId ?? model.EndIds.Cast<int?>().FirstOrDefault()) is not { } before)
                throw InputException.One(name, "has an empty context, and the model has neither a begin nor an end token", "something to stand before the continuation", "give a context");
            (ids, context) = ([before, .. ids], 1);
        }

        var positions = model.Config.MaximumPositions;
        if (ids.Length - context < 1)
            throw InputException.One(name, "has a continuation without tokens", "at least one", "give some text");
        if (ids.Length - context >= positions)
            throw InputException.One(name, $"has a continuation of {ids.Length - context} tokens", $"fewer than the {positions} positions of the model", "shorten it");
        var surplus = Math.Max(0, ids.Length - positions); // the beginning of a long context is left out
        return (ids[surplus..], context - surplus);
    }

    /// <summary>Scores requests, in their order.</summary>
    /// <param name="model">The model.</param>
    /// <param name="encoded">What <see cref="Encode"/> gave.</param>
    /// <param name="requests">The same requests.</param>
    /// <param name="atOnce">How many are computed side by side; has no influence on a result.</param>
    /// <param name="finished">Called as requests end, with their number; from any thread, one at a time.</param>
    /// <param name="stop">Checked between texts.</param>
    /// <exception cref="RunFailedException">A log-prob is not a number.</exception>
    public static ContinuationScore[] Score(
        CausalLm model, IReadOnlyList<(int[] Ids, int Context)> encoded, IReadOnlyList<Continuation> requests, int atOnce, Action<int>? finished = null, CancellationToken stop = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(atOnce, 1);
        var scores = new ContinuationScore[encoded.Count];
        var (next, failure, gate) = (-1, (Exception?)null, new Lock());
        void Work()
        {
            TorchRuntime.Threads = 1; // a setting of this thread; shares of a product could otherwise round differently
            for (int k; failure is null && !stop.IsCancellationRequested && (k = Interlocked.Increment(ref next)) < encoded.Count;)
            {
                try
                {
                    scores[k] = Of(TokenScoring.Score(model, [encoded[k].Ids], top: 1, from: [encoded[k].Context])[0], requests[k]);
                    lock (gate)
                        finished?.Invoke(1);
                }
                catch (Exception e)
                {
                    failure ??= e;
                }
            }
        }

        var threads = Enumerable.Range(0, Math.Min(atOnce, Math.Max(1, encoded.Count))).Select(_ => new Thread(Work) { Name = "scoring" }).ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        stop.ThrowIfCancellationRequested();
        return failure is null ? scores : throw (failure is RunFailedException ? failure : new InvalidOperationException("A text could not be scored.", failure));
    }

    private static ContinuationScore Of(ReadOnlySpan<ScoredToken> tokens, Continuation request)
    {
        var (sum, isGreedy) = (0.0, true);
        foreach (var token in tokens)
        {
            sum += token.LogProb!.Value;
            isGreedy &= token.Top[0].Token == token.Id;
        }

        var text = request.Text.StartsWith(' ') ? request.Text[1..] : request.Text;
        var (characters, bytes) = (text.EnumerateRunes().Count(), Encoding.UTF8.GetByteCount(text));
        return new(sum, tokens.Length, isGreedy, sum / Math.Max(1, characters), sum / Math.Max(1, bytes));
    }
}
