using Attune.Runs;

namespace Attune.Evaluation;

/// <summary>
/// What an evaluation will do, decided before anything is sampled: which prompts, how many answers of whom, which pairs. Answers are shared:
/// answer 0 to each prompt is compared and measured, further ones make up best-of-N and the frontier.
/// </summary>
internal sealed class EvaluationPlan
{
    private readonly EvaluationInput _input;

    private EvaluationPlan(EvaluationInput input)
    {
        _input = input;
        var distinct = input.Prompts.Distinct(StringComparer.Ordinal).ToArray();
        // In drawn order, so that "the first" is a fair selection however the file is sorted.
        Prompts = [.. input.Seed.For("prompts").Permutation(distinct.Length).Take(input.Budget.Prompts).Select(k => distinct[k])];
        BestOf = input.Reward is null ? [] : input.Budget.BestOf;
        PoolSize = BestOf.Count == 0 ? 1 : BestOf[^1] + 1;
        FrontierPrompts = input.Reward is null ? 0 : Math.Min(input.Budget.BestOfPrompts, Prompts.Count);
        Orders = [.. OrdersOf()];
    }

    /// <summary>The prompts, in drawn order.</summary>
    public IReadOnlyList<string> Prompts { get; }

    /// <summary>The N of best-of-N; none without a reward.</summary>
    public IReadOnlyList<int> BestOf { get; }

    /// <summary>Answers of the reference to each prompt of the frontier: one to be set against, and max(N) to choose among.</summary>
    public int PoolSize { get; }

    /// <summary>How many prompts, the first ones, the frontier has.</summary>
    public int FrontierPrompts { get; }

    /// <summary>Everything to sample, models first, then the base, then checkpoints.</summary>
    public IReadOnlyList<AnswerOrder> Orders { get; }

    /// <summary>Those whose answers are compared and measured.</summary>
    public IEnumerable<AnswerOrder> Compared => Orders.Where(order => !_input.Checkpoints.Contains(order.Who));

    /// <summary>The points of the frontier in order of training: checkpoints, then the models.</summary>
    public IEnumerable<AnswerOrder> Frontier => Orders.Where(order => _input.Checkpoints.Contains(order.Who)).Concat(Orders.Where(order => _input.Models.Contains(order.Who)));

    /// <summary>The first model that is not the reference.</summary>
    public string Headline => _input.Models.First(model => model.Name != _input.Reference).Name;

    /// <summary>The plan for an input.</summary>
    /// <exception cref="InputException">The input cannot be evaluated; lists every problem.</exception>
    public static EvaluationPlan Of(EvaluationInput input)
    {
        var problems = EvaluationCheck.Of(input).ToList();
        return problems.Count == 0 ? new(input) : throw new InputException("The evaluation", problems);
    }

    public static string BestOfName(int n) => $"best of {n}";

    public static string FewShotName(EvaluationInput input) =>
        $"{input.Base!.Name}, {input.FewShot!.Demonstrations.Count} example{(input.FewShot.Demonstrations.Count == 1 ? "" : "s")}";

    /// <summary>Names of the rows that the evaluation adds to those of the models, base and checkpoints.</summary>
    public static IEnumerable<string> OwnRows(EvaluationInput input) =>
        [.. input.Reward is null ? [] : input.Budget.BestOf.Select(BestOfName), .. input.Base is null || input.FewShot is null ? [] : new[] { FewShotName(input) }];

    /// <summary>Place of a model in tables: the models in the order given, then best-of-N by falling N, then the base.</summary>
    public int Rank(string model)
    {
        var names = _input.Models.Select(m => m.Name).Concat(BestOf.Reverse().Select(BestOfName)).Concat(Orders.Select(order => order.Name)).ToList();
        return names.IndexOf(model);
    }

    /// <summary>The pairs to judge: every two models, and the base and best-of-N against the reference.</summary>
    public IEnumerable<Contest> Contests(AnswerFile answers)
    {
        IReadOnlyList<AnswerRow> First(string name) => answers.Of(name).Where(row => row.Sample == 0).ToList();
        var models = _input.Models.Select(model => model.Name).OrderBy(name => name == _input.Reference).ToList(); // the reference is always the opponent
        for (var i = 0; i < models.Count; i++)
        {
            for (var j = i + 1; j < models.Count; j++)
                yield return new(models[i], models[j], Paired(First(models[i]), First(models[j])));
        }

        var reference = First(_input.Reference);
        foreach (var order in Compared.Where(order => !models.Contains(order.Name)))
            yield return new(order.Name, _input.Reference, Paired(First(order.Name), reference));
        foreach (var n in BestOf.Where(n => n > 1))
            yield return new(BestOfName(n), _input.Reference, Paired(BestAmong(answers.Of(_input.Reference), n), reference));
    }

    /// <summary>The reference's answers to each prompt of the frontier, all of them.</summary>
    public IReadOnlyList<IReadOnlyList<AnswerRow>> Pools(IReadOnlyList<AnswerRow> reference) =>
        [.. Prompts.Take(FrontierPrompts).Select(prompt => reference.Where(row => row.Prompt == prompt).ToList())];

    /// <summary>A policy's answers that count on the frontier.</summary>
    public IReadOnlyList<AnswerRow> OnFrontier(IReadOnlyList<AnswerRow> policy)
    {
        var prompts = Prompts.Take(FrontierPrompts).ToHashSet(StringComparer.Ordinal);
        return [.. policy.Where(row => prompts.Contains(row.Prompt))];
    }

    /// <summary>For each prompt of the frontier the answer among numbers 1 to N that the reward likes most; number 0 is what it is set against.</summary>
    public IReadOnlyList<AnswerRow> BestAmong(IReadOnlyList<AnswerRow> reference, int n) =>
        [.. Pools(reference).Select(pool => pool.Where(row => row.Sample >= 1 && row.Sample <= n).MaxBy(row => row.Score(AnswerRow.Reward))!)];

    private IEnumerable<AnswerOrder> OrdersOf()
    {
        var each = Counts(1, 1);
        foreach (var model in _input.Models)
            yield return new(model.Name, model, model.Name == _input.Reference ? Counts(PoolSize, 1) : Counts(_input.Budget.FrontierSamples, 1));
        if (_input.Base is { } untrained)
        {
            if (_input.FewShot is { } shots)
                yield return new(FewShotName(_input), untrained, each, shots);
            yield return new(untrained.Name, untrained, each);
        }

        foreach (var checkpoint in _input.Reward is null ? [] : _input.Checkpoints)
            yield return new(checkpoint.Name, checkpoint, Counts(_input.Budget.FrontierSamples, 0));
    }

    private int[] Counts(int onFrontier, int elsewhere) => [.. Prompts.Select((_, k) => k < FrontierPrompts ? onFrontier : elsewhere)];

    private static List<(AnswerRow, AnswerRow)> Paired(IReadOnlyList<AnswerRow> model, IReadOnlyList<AnswerRow> opponent)
    {
        var byPrompt = opponent.ToDictionary(row => row.Prompt, StringComparer.Ordinal);
        return [.. model.Select(row => (row, byPrompt[row.Prompt]))];
    }
}
