using Attune.Feedback;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Tokens;

namespace Attune.Rewards;

/// <summary>Rewards that need no model.</summary>
public enum RewardFunction
{
    /// <summary>Nearness to a length: <see cref="BuiltInRewards.LengthTarget"/>.</summary>
    LengthTarget,

    /// <summary>Favourable words: <see cref="BuiltInRewards.Lexicon"/>.</summary>
    Lexicon,

    /// <summary>Minus the share of repeated n-grams: <see cref="BuiltInRewards.Repetition"/>.</summary>
    Repetition,
}

/// <summary>One part of a reward: an entry of a recipe's list <c>rewards</c>. Either a model or a function.</summary>
public sealed record RewardPart : IChecked
{
    /// <summary>Its name in metrics, <c>reward/NAME</c>; <c>model</c> or the function's where not set.</summary>
    public string? Name { get; init; }

    /// <summary>Factor of its scores; negative for a cost.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Folder of a reward model.</summary>
    public string? Model { get; init; }

    /// <summary>A function of the answer.</summary>
    public RewardFunction? Function { get; init; }

    /// <summary>Wanted tokens, for <see cref="RewardFunction.LengthTarget"/>.</summary>
    public double? Length { get; init; }

    /// <summary>Tokens of an n-gram, for <see cref="RewardFunction.Repetition"/>.</summary>
    public int Ngram { get; init; } = 3;

    /// <summary>The word list, for <see cref="RewardFunction.Lexicon"/>.</summary>
    public LexiconSettings? Lexicon { get; init; }

    internal string MetricName => Name ?? (Model is not null ? "model" : Function is { } function ? Kebab(function) : "");

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if ((Model is null) == (Function is null))
            yield return Problem.Of("model", Model is null ? "is not set, nor is function" : "is set beside function", "one of them", "name a reward model's folder, or one of length-target, lexicon, repetition");
        if (!double.IsFinite(Weight) || Weight == 0)
            yield return Problem.Of("weight", $"is {Weight}", "a number other than 0", "1 is usual");
        if (Function == RewardFunction.LengthTarget && !(Length > 0 && double.IsFinite(Length.Value)))
            yield return Problem.Of("length", Length is null ? "is not set" : $"is {Length}", "above 0", "set it to the wanted number of tokens");
        if (Function == RewardFunction.Lexicon && Lexicon is null)
            yield return Problem.Of("lexicon", "is not set", "a section that names a word list", "add lexicon: {words: data/valence.tsv}");
        if (Ngram < 1)
            yield return Problem.Of("ngram", $"is {Ngram}", "at least 1", "3 is usual");
        if (Name is { } name && (name.Length == 0 || name.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not '-' and not '_')))
            yield return Problem.Of("name", $"is \"{name}\"", "letters, digits, - and _", "it becomes part of a metric's name");
    }

    /// <summary>What is wrong with a list of parts beyond each of them.</summary>
    /// <param name="parts">The parts.</param>
    /// <param name="key">The recipe key.</param>
    public static IEnumerable<Problem> CheckNames(IReadOnlyList<RewardPart> parts, string key) =>
        from same in parts.Select((part, index) => (part.MetricName, index)).GroupBy(p => p.MetricName)
        where same.Count() > 1 && same.Key.Length > 0
        select Problem.Of($"{key}[{same.Last().index}].name", $"is {same.Key}, as that of {key}[{same.First().index}]", "names that differ", "name each part");

    private static string Kebab(RewardFunction function) => function == RewardFunction.LengthTarget ? "length-target" : function.ToString().ToLowerInvariant();
}

/// <summary>The parts of a recipe's reward, opened and mixed. Owns the reward models among them.</summary>
public sealed class RewardParts : IReward, IDisposable
{
    private readonly Dictionary<string, RewardModel> _models;
    private readonly IReward _mixture;

    private RewardParts(IReward mixture, Dictionary<string, RewardModel> models) => (_mixture, _models) = (mixture, models);

    /// <summary>The reward models among the parts, in their order.</summary>
    public IReadOnlyCollection<RewardModel> Models => _models.Values;

    /// <summary>Opens every part for a policy's answers.</summary>
    /// <param name="parts">At least one.</param>
    /// <param name="key">Their recipe key, for messages.</param>
    /// <param name="policy">The policy whose answers are judged: its tokenizer has to be that of every reward model.</param>
    /// <param name="longest">Most tokens of a prompt with its answer.</param>
    /// <param name="microBatch">Answers in one forward pass.</param>
    /// <exception cref="InputException">Something the parts name cannot be used; lists every problem.</exception>
    public static RewardParts Open(IReadOnlyList<RewardPart> parts, string key, TextModel policy, int longest, int microBatch)
    {
        var problems = new InputProblems("The recipe");
        var models = new Dictionary<string, RewardModel>();
        var opened = new List<WeightedPart>();
        for (var i = 0; i < parts.Count; i++)
        {
            var (part, at) = (parts[i], $"{key}[{i}]");
            var reward = part.Model is { } folder
                ? problems.Try<IReward>($"{at}.model", () => new RewardModelReward(Load(models, folder, policy, longest), microBatch))
                : problems.Try<IReward>(at, () => FunctionOf(part, policy.Tokenizer));
            if (reward is not null)
                opened.Add(new(part.MetricName, part.Weight, reward));
        }

        if (!problems.AreNone)
        {
            Close(models);
            problems.ThrowIfAny();
        }

        return new(new WeightedReward(opened), models);
    }

    /// <inheritdoc/>
    public Scores Score(IReadOnlyList<Rollout> rollouts) => _mixture.Score(rollouts);

    /// <inheritdoc/>
    public void Dispose() => Close(_models);

    /// <summary>
    /// Reads a reward model that is to judge, or start a critic for, a policy's answers. Where both are adapters on the same base, it shares the
    /// policy's copy of that.
    /// </summary>
    /// <exception cref="InputException">It is missing or damaged, reads other tokens, or fewer at once than answers have.</exception>
    public static RewardModel LoadFor(string folder, TextModel policy, int longest)
    {
        if (!ModelDescription.TokenizerOf(folder).IsSameAs(policy.Tokenizer))
            throw InputException.One(folder, "has another tokenizer than the policy", "the same one, as answers are scored by their token ids", "train a reward model from this policy's family");
        var model = RewardModel.LoadBeside(policy.Model, folder);
        if (model.Trunk.Config.MaximumPositions >= longest)
            return model;
        var reads = model.Trunk.Config.MaximumPositions;
        model.Dispose();
        throw InputException.One(folder, $"reads {reads} tokens", $"the {longest} of a prompt with its answer", "shorten prompts or answers, or train a reward model of more positions");
    }

    private static RewardModel Load(Dictionary<string, RewardModel> models, string folder, TextModel policy, int longest)
    {
        if (!models.TryGetValue(folder, out var model))
            models.Add(folder, model = LoadFor(folder, policy, longest));
        return model;
    }

    private static FunctionReward FunctionOf(RewardPart part, Tokenizer tokenizer) => part.Function switch
    {
        RewardFunction.LengthTarget => BuiltInRewards.LengthTarget(part.Length!.Value),
        RewardFunction.Repetition => BuiltInRewards.Repetition(part.Ngram),
        RewardFunction.Lexicon => BuiltInRewards.Lexicon(part.Lexicon!.Open(), rollout => rollout.TextBy(tokenizer)),
        _ => throw new InvalidOperationException($"unknown function {part.Function}"),
    };

    private static void Close(Dictionary<string, RewardModel> models)
    {
        foreach (var model in models.Values)
            model.Dispose();
    }
}
