using System.CommandLine;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Cli.Verbs;

/// <summary>The models that a command line steers the sampled one by, checked before their weights are read.</summary>
/// <param name="Expert">The one to follow.</param>
/// <param name="AntiExpert">The one to avoid.</param>
/// <param name="Alpha">How far.</param>
internal sealed record ContrastFlags(ModelDescription? Expert, ModelDescription? AntiExpert, double Alpha)
{
    private static readonly Option<string> Follow = new("--contrast") { Description = "Model folder to steer towards: alpha times its logits, less those of --anti, are added", HelpName = "MODEL" };
    private static readonly Option<string> Avoid = new("--anti") { Description = "Model folder to steer away from; the sampled model stands for the one that is left out", HelpName = "MODEL" };
    private static readonly Option<double?> Strength = new("--alpha") { Description = "How far to steer; 1 without it" };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Option> All { get; } = [Follow, Avoid, Strength];

    /// <summary>The models besides the sampled one.</summary>
    public IEnumerable<ModelDescription> Models => new[] { Expert, AntiExpert }.OfType<ModelDescription>();

    /// <summary>What was asked for; null for no contrast.</summary>
    public static ContrastFlags? Read(ParseResult parsed, ModelDescription model, List<Problem> problems)
    {
        var (expert, anti, alpha) = (Describe(Follow), Describe(Avoid), parsed.GetValue(Strength));
        if (expert is null && anti is null)
        {
            if (alpha is not null)
                problems.Add(Problem.Of(Strength.Name, $"is {alpha} without {Follow.Name} and {Avoid.Name}", "a model to steer by", "name one, or leave it out"));
            return null;
        }

        if (alpha is { } number && !(Math.Abs(number) <= 100))
            problems.Add(Problem.Of(Strength.Name, $"is {number}", "-100 to 100", "1 is usual"));
        return new(expert, anti, alpha ?? 1);

        ModelDescription? Describe(Option<string> flag)
        {
            if (parsed.GetValue(flag) is not { } folder)
                return null;
            var other = ModelDescription.Read(folder, model.Tokenizer is null ? TokenizerUse.Never : TokenizerUse.IfThere);
            if (other.Config.VocabularySize != model.Config.VocabularySize)
                problems.Add(Problem.Of(flag.Name, $"is {folder}, which has {other.Config.VocabularySize} tokens", $"the {model.Config.VocabularySize} of {model.Folder}, as logits are added token by token", "take a model of the same family"));
            else if (model.Tokenizer is { } tokenizer && (other.Tokenizer is null || !other.Tokenizer.IsSameAs(tokenizer)))
                problems.Add(Problem.Of(flag.Name, $"is {folder}, which has {(other.Tokenizer is null ? "no" : "another")} tokenizer", $"that of {model.Folder}, as logits are added token by token", "take a model of the same family"));
            return other;
        }
    }

    /// <summary>Refuses models that read fewer tokens than the samples may have.</summary>
    public IEnumerable<Problem> TooShort(int tokens) =>
        Models.Where(other => other.Config.MaximumPositions < tokens)
            .Select(other => Problem.Of(other == Expert ? Follow.Name : Avoid.Name, $"is {other.Folder}, which has {other.Config.MaximumPositions} positions", $"the {tokens} of prompt and new tokens", "ask for fewer tokens, or shorten the prompt"));

    /// <summary>What they take besides the sampled model, bytes.</summary>
    public long Memory(long rows, long columns, DType type) => Models.Sum(other => MemoryEstimate.Weights(other.Config, type) + MemoryEstimate.Cache(other.Config, rows, columns, type));

    /// <summary>Reads the weights.</summary>
    public Contrast Load(Compute compute) => new() { Expert = Expert?.Load(compute), AntiExpert = AntiExpert?.Load(compute), Alpha = Alpha };
}
