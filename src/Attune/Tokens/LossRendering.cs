using System.Text;

namespace Attune.Tokens;

/// <summary>Shows a row as a person can check it: what is learned stands between ⟦ and ⟧.</summary>
public static class LossRendering
{
    /// <summary>Before a run of tokens that the loss reads.</summary>
    public const string Open = "⟦";

    /// <summary>After a run of tokens that the loss reads.</summary>
    public const string Close = "⟧";

    /// <summary>Text of one row of a batch: a line for each document in it, then how much is padding.</summary>
    public static string Of(TokenBatch batch, int row, Tokenizer tokenizer)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, batch.Rows);
        var text = new StringBuilder();
        var first = row * batch.Width;
        var padding = 0;
        for (var start = first; start < first + batch.Width;)
        {
            var end = start + 1;
            while (end < first + batch.Width && batch.Segments[end] == batch.Segments[start])
                end++;
            if (batch.Segments[start] == 0)
                padding += end - start;
            else
                text.Append(Document(batch, start, end, tokenizer)).Append('\n');
            start = end;
        }
        var learned = batch.LossMask.AsSpan(first, batch.Width).Count(true);
        return text.Append($"({batch.Width} tokens: {learned} learned, {batch.Width - learned - padding} only read, {padding} padding)").ToString();
    }

    private static string Document(TokenBatch batch, int start, int end, Tokenizer tokenizer)
    {
        var text = new StringBuilder();
        for (var at = start; at < end;)
        {
            var run = at + 1;
            while (run < end && batch.LossMask[run] == batch.LossMask[at])
                run++;
            var part = tokenizer.Decode(batch.Ids.AsSpan(at, run - at));
            text.Append(batch.LossMask[at] ? Open + part + Close : part);
            at = run;
        }
        return text.ToString();
    }
}
