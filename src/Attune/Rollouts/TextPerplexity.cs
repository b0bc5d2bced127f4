using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>A part of a text that a model reads at once.</summary>
/// <param name="Start">Place of the first token that it reads.</param>
/// <param name="First">Place of the first token that is scored, behind it.</param>
/// <param name="End">Place behind the last token.</param>
public readonly record struct TextWindow(int Start, int First, int End);

/// <summary>
/// Perplexity of a text of any length, exp of the mean negative log-prob of its tokens. The text is cut into windows as lm-evaluation-harness
/// rolls them: every token but the first is scored once, and the last window begins earlier, so that it has as much to read as the others.
/// </summary>
public static class TextPerplexity
{
    private const int WindowsAtOnce = 4;

    /// <summary>Cuts a text.</summary>
    /// <param name="tokens">How many it has.</param>
    /// <param name="width">Tokens before the last scored one that a window holds, at least 1.</param>
    public static IReadOnlyList<TextWindow> Windows(int tokens, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        var windows = new List<TextWindow>();
        for (var first = 1; first < tokens; first = windows[^1].End)
        {
            var end = Math.Min(tokens, first + width);
            windows.Add(new(Math.Max(0, end - 1 - width), first, end));
        }

        return windows;
    }

    /// <summary>Memory that it takes, in bytes.</summary>
    public static long MemoryFor(TransformerConfig config, int tokens, int window, DType dtype)
    {
        var rows = Math.Min(WindowsAtOnce, Windows(tokens, window - 1).Count);
        var width = Math.Min(tokens, window);
        return MemoryEstimate.Process + MemoryEstimate.Weights(config, dtype) + MemoryEstimate.ForwardPass(config, rows, width, (long)rows * width, dtype);
    }

    /// <summary>Reads a text.</summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">At least two tokens.</param>
    /// <param name="window">Tokens that the model reads at once, at least 2 and at most as many as it has positions.</param>
    /// <param name="read">Called as windows end, with the number of tokens that they scored.</param>
    /// <param name="stop">Checked between windows.</param>
    /// <exception cref="RunFailedException">A log-prob is not a number.</exception>
    public static double Of(CausalLm model, int[] ids, int window, Action<int>? read = null, CancellationToken stop = default)
    {
        var sum = 0.0;
        foreach (var windows in Windows(ids.Length, window - 1).Chunk(WindowsAtOnce))
        {
            stop.ThrowIfCancellationRequested();
            var logProbs = TokenScoring.LogProbs(model, [.. windows.Select(w => ids[w.Start..w.End])], [.. windows.Select(w => w.First - w.Start)]);
            sum += logProbs.Sum(of => of.Sum(p => (double)p));
            if (double.IsNaN(sum))
                throw new RunFailedException($"A log-prob of tokens {windows[0].First + 1} to {windows[^1].End} is NaN, expected a number; the model's weights are damaged: take the model's original");
            read?.Invoke(logProbs.Sum(of => of.Length));
        }

        return Math.Exp(-sum / (ids.Length - 1));
    }
}
