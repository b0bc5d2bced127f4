using Attune.Feedback;
using Attune.Models;
using Attune.Runs;
using Attune.Updates;

namespace Attune.Evaluation;

/// <summary>Everything that is wrong with an evaluation's input, before anything is sampled.</summary>
internal static class EvaluationCheck
{
    public static IEnumerable<Problem> Of(EvaluationInput input) =>
        [.. Names(input), .. Folders(input), .. Settings(input), .. Prompts(input)];

    private static IEnumerable<Problem> Names(EvaluationInput input)
    {
        if (input.Models.Count < 2)
            yield return Problem.Of("models", input.Models.Count == 0 ? "is empty" : $"has {input.Models[0].Name} alone", "at least two to compare", "add what it is to be compared with");
        if (!input.Models.Any(model => model.Name == input.Reference))
            yield return Problem.Of("reference", $"is {input.Reference}", $"one of {string.Join(", ", input.Models.Select(m => m.Name))}", "name the model that the others are set against");
        var names = input.Models.Concat(input.Checkpoints).Concat(input.Base is { } untrained ? [untrained] : []).Select(m => m.Name).ToList();
        foreach (var (name, count) in names.CountBy(name => name).Where(entry => entry.Value > 1))
            yield return Problem.Of("models", $"has {count} of the name {name}, checkpoints and base included", "a name for each", "rename one");
        foreach (var name in names.Intersect(EvaluationPlan.OwnRows(input)))
            yield return Problem.Of("models", $"has the name {name}, which is that of one of the evaluation's own rows", "another name", "rename it");
        if (input.Judges.Count == 0)
            yield return Problem.Of("judges", "is empty", "at least one", "name a crowd, a reward model or a lexicon");
        foreach (var (name, count) in input.Judges.Select(panel => panel.Name).Concat([AnswerRow.Reward, Answer.Fluency]).CountBy(name => name).Where(entry => entry.Value > 1))
            yield return Problem.Of("judges", $"has {count} of the name {name}", $"a name for each, and none called {AnswerRow.Reward} or {Answer.Fluency}, which every answer's own measures are", "rename one");
        if (input.Judges.SelectMany(panel => panel.Judges).CountBy(judge => judge).FirstOrDefault(entry => entry.Value > 1) is { Key: { } twice })
            yield return Problem.Of("judges", $"has {twice} in two groups", "each judge in one", "leave one group out");
    }

    private static IEnumerable<Problem> Folders(EvaluationInput input)
    {
        foreach (var contender in input.Models.Concat(input.Checkpoints).Concat(input.Base is { } untrained ? [untrained] : []))
        {
            if ((contender.Model is null) == (contender.Folder is null))
            {
                yield return Problem.Of(contender.Name, contender.Model is null ? "has neither model nor folder" : "has both a model and a folder", "one of them", "give one");
                continue;
            }

            TransformerConfig? config = null;
            var problems = new List<Problem>();
            try
            {
                config = contender.Model?.Config ?? Checked(contender.Folder!);
            }
            catch (InputException e)
            {
                problems.AddRange(e.Problems.Select(p => new Problem(contender.Name, $"{contender.Folder} {p.Key} {p.Message}".Replace("  ", " ", StringComparison.Ordinal))));
            }

            foreach (var problem in problems.Concat(config is null ? [] : Fitting(input, contender, config)))
                yield return problem;
        }
    }

    /// <summary>The folder's config, once config and weights are known to be whole and to fit each other.</summary>
    public static TransformerConfig Checked(string folder)
    {
        using var opened = HuggingFaceFolder.Open(folder);
        return opened.Config.Head == HeadKind.NextToken ? opened.Config
            : throw InputException.One(folder, "holds a reward model", "a model that writes", "name it under reward or judges");
    }

    private static IEnumerable<Problem> Fitting(EvaluationInput input, Contender contender, TransformerConfig config)
    {
        if (config.VocabularySize < input.Tokenizer.VocabularySize)
            yield return Problem.Of(contender.Name, $"knows {config.VocabularySize} pieces", $"at least the tokenizer's {input.Tokenizer.VocabularySize}", "compare models of one tokenizer");
        var shots = contender == input.Base && input.FewShot is { } given && FewShot.Fault(given.Template) is null ? given : null;
        Func<string, int[]> encode = shots is not null ? prompt => input.Tokenizer.Opened(input.Tokenizer.Encode(shots.PromptFor(prompt)))
            : TemplateProblems(input).Any() ? input.Tokenizer.Encode : PpoPrompts.Encoder(input.Template, input.Tokenizer);
        var longest = input.Prompts.Select(prompt => encode(prompt).Length).DefaultIfEmpty(0).Max();
        if (longest + input.Sampling.MaximumNewTokens > config.MaximumPositions)
            yield return Problem.Of(contender.Name, $"has {config.MaximumPositions} positions", $"{longest + input.Sampling.MaximumNewTokens} for the longest prompt {(shots is null ? "" : "with its examples ")}and its answer",
                shots is null ? "lower sampling.maximumNewTokens, or leave long prompts out" : "give fewer or shorter examples");
    }

    private static IEnumerable<Problem> TemplateProblems(EvaluationInput input) => new PpoPromptSettings { Template = input.Template }.Check();

    private static IEnumerable<Problem> Settings(EvaluationInput input)
    {
        foreach (var (key, problem) in input.Sampling.Problems(vocabularySize: input.Tokenizer.VocabularySize))
            yield return new($"sampling.{key}", problem);
        foreach (var problem in TemplateProblems(input))
            yield return problem;
        foreach (var problem in input.Budget.Check())
            yield return problem with { Key = $"budget.{problem.Key}" };
        foreach (var problem in input.Requirements.Check())
            yield return problem with { Key = $"requirements.{problem.Key}" };
        if (input.FewShot is { } shots && FewShot.Fault(shots.Template) is { } fault)
            yield return new("fewShot.template", fault);
        if (input.FewShot is not null && input.Base is null)
            yield return Problem.Of("base", "is missing", "the model that few-shot examples are shown to", "name it, or leave fewShot out");
        if (input.Base is null && input.Judges.FirstOrDefault(panel => panel.ReadsFluency) is { } crowd)
            yield return Problem.Of("base", "is missing", $"the model by which the {crowd.Name} feels fluency", "name it");
        if (input.Checkpoints.Count > 0 && input.Reward is null)
            yield return Problem.Of("checkpoints", $"has {input.Checkpoints.Count}", "a reward to draw the frontier by", "name the reward, or leave checkpoints out");
    }

    private static IEnumerable<Problem> Prompts(EvaluationInput input)
    {
        if (input.Prompts.Count == 0)
            yield return Problem.Of("prompts", "has no prompt", "at least one", "name a file of held-out prompts");
        else if (input.Prompts.Any(string.IsNullOrEmpty))
            yield return Problem.Of("prompts", "has an empty prompt", "at least one character each", "remove it");
    }
}
