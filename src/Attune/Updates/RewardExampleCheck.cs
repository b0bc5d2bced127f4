using Attune.Models;
using Attune.Runs;

namespace Attune.Updates;

/// <summary>Whether a model can read comparisons: before training, not in the middle of it.</summary>
public static class RewardExampleCheck
{
    private const int MostProblems = 10;

    /// <summary>Fails unless the model can read every example.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="examples">The examples.</param>
    /// <exception cref="InputException">The first ten problems.</exception>
    public static void Require(TransformerConfig config, IReadOnlyList<RewardExample> examples)
    {
        if (examples.Count == 0)
            throw InputException.One("the comparisons", "are 0", "at least one", "check the file and how it is split");
        var problems = examples.SelectMany((example, k) => Problems(config, example, $"comparison {k}")).Take(MostProblems).ToArray();
        if (problems.Length > 0)
            throw new InputException("the comparisons", problems);
    }

    private static IEnumerable<Problem> Problems(TransformerConfig config, RewardExample example, string key)
    {
        if (example.Fault() is { } fault)
            yield return new(key, fault);
        foreach (var ids in example.Sequences)
        {
            if (ids.Length == 0)
                yield return Problem.Of(key, "has an answer of 0 tokens", "at least one token with its prompt", "leave it out");
            else if (ids.Length > config.MaximumPositions)
                yield return Problem.Of(key, $"has {ids.Length} tokens", $"at most {config.MaximumPositions}", "cut the prompt from its start");
            else if (Array.FindIndex(ids, id => id < 0 || id >= config.VocabularySize) is >= 0 and var at)
                yield return Problem.Of(key, $"has token id {ids[at]}", $"0 to {config.VocabularySize - 1}", "use the model's own tokenizer");
        }
    }
}
