using System.Globalization;
using System.Text;
using Attune.Runs;

namespace Attune.Updates;

/// <summary>An answer of a step, token by token: a line of <c>rollouts/step-000050.jsonl</c>. All lists are as long as the answer has tokens.</summary>
public sealed record RolloutRecord
{
    /// <summary>The step, from 0.</summary>
    public required int Step { get; init; }

    /// <summary>The answer's row in the step.</summary>
    public required int Row { get; init; }

    /// <summary>What was asked.</summary>
    public required string Prompt { get; init; }

    /// <summary>The answer as text.</summary>
    public required string Answer { get; init; }

    /// <summary>As the reward gave it.</summary>
    public required double Score { get; init; }

    /// <summary>Why it ended: "end-token", "stop-string", "length".</summary>
    public required string Finish { get; init; }

    /// <summary>Each token as text; one that holds a part of a character is shown as a replacement character.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>Log-probability under the policy that sampled it, nats.</summary>
    public required IReadOnlyList<double> LogProbs { get; init; }

    /// <summary>Log-probability less that under the reference, nats: each token's share of the KL estimate.</summary>
    public required IReadOnlyList<double> Kl { get; init; }

    /// <summary>The value function's estimate before the token.</summary>
    public required IReadOnlyList<double> Values { get; init; }

    /// <summary>What the token was paid, the KL penalty taken off, before whitening. What is paid behind the last token stands with it.</summary>
    public required IReadOnlyList<double> Rewards { get; init; }

    /// <summary>What the policy learned from: whitened where the recipe says so.</summary>
    public required IReadOnlyList<double> Advantages { get; init; }
}

/// <summary>
/// The records of a run, a small file a recorded step: they are the same for a run that was stopped and resumed, as a step done again writes the same file again.
/// </summary>
public static class RolloutRecords
{
    /// <summary>The folder within a run folder.</summary>
    public const string FolderName = "rollouts";

    private const string Before = "step-", After = ".jsonl";

    /// <summary>Writes the record of a step, and removes the oldest beyond those to keep.</summary>
    /// <exception cref="RunFailedException">The disk is full.</exception>
    public static void Write(string runFolder, int step, IEnumerable<RolloutRecord> records, int keep)
    {
        var folder = Path.Combine(runFolder, FolderName);
        AtomicFile.Write(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Before}{step:000000}{After}")), stream =>
        {
            foreach (var record in records)
                stream.Write(Encoding.UTF8.GetBytes(ResultFile.Json(record) + "\n"));
        });
        foreach (var old in Steps(runFolder).Where(earlier => earlier <= step).SkipLast(keep))
            AtomicFile.Discard(PathOf(runFolder, old));
    }

    /// <summary>The recorded steps, in order.</summary>
    public static IReadOnlyList<int> Steps(string runFolder)
    {
        var folder = new DirectoryInfo(Path.Combine(runFolder, FolderName));
        return !folder.Exists ? [] : [.. folder.EnumerateFiles($"{Before}*{After}").Select(file => file.Name[Before.Length..^After.Length])
            .Select(text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var step) ? step : -1).Where(step => step >= 0).Order()];
    }

    /// <summary>A step's record.</summary>
    /// <exception cref="InputException">It is not there, or is not what <see cref="Write"/> wrote.</exception>
    public static IReadOnlyList<RolloutRecord> Read(string runFolder, int step) => ResultFile.ReadLines<RolloutRecord>(PathOf(runFolder, step));

    /// <summary>
    /// Which answers of a step are recorded: one each of the prompts that come first in an order of their own, which is the same in every step, so that a prompt
    /// that was recorded is recorded again when it is asked again, and its answers can be compared.
    /// </summary>
    internal static IReadOnlyList<int> Choose(IReadOnlyList<int[]> prompts, int count) =>
        [.. Enumerable.Range(0, prompts.Count).Select(row => (Row: row, Hash: HashOf(prompts[row]))).OrderBy(one => one.Hash).ThenBy(one => one.Row).DistinctBy(one => one.Hash).Take(count).Select(one => one.Row)];

    /// <summary>Where a step's record is.</summary>
    public static string PathOf(string runFolder, int step) => Path.Combine(runFolder, FolderName, string.Create(CultureInfo.InvariantCulture, $"{Before}{step:000000}{After}"));

    private static ulong HashOf(int[] prompt)
    {
        var hash = 14695981039346656037UL; // FNV-1a, then a mix: its high bits hardly depend on the last tokens
        foreach (var token in prompt)
            hash = (hash ^ (uint)token) * 1099511628211UL;
        hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCDUL;
        return hash ^ (hash >> 33);
    }
}
