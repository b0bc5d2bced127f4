using System.CommandLine;
using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Cli.Verbs;

/// <summary>What a command line wants of a reward: scores, the best of N, or rejection sampling.</summary>
/// <param name="Path">A reward model's folder, or a file with the list <c>rewards</c>.</param>
/// <param name="BestOf">Draws for each sample, of which the best is kept.</param>
/// <param name="Rejection">β of rejection sampling.</param>
internal sealed record RewardFlags(string Path, int? BestOf, double? Rejection)
{
    private const int MicroBatch = 16; // answers that a reward model reads at once

    private static readonly Option<string> Reward = new("--reward") { Description = "Score samples: a reward model's folder, or a YAML file with the list rewards of a recipe", HelpName = "PATH" };
    private static readonly Option<int?> Best = new("--best-of") { Description = "Draw so many for each sample, and keep the one of the highest reward" };
    private static readonly Option<double?> Reject = new("--rejection") { Description = "Keep each of the --n samples with probability exp((reward - best) / BETA)", HelpName = "BETA" };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Option> All { get; } = [Reward, Best, Reject];

    /// <summary>How many are drawn for each that is asked for.</summary>
    public int Draws => BestOf ?? 1;

    /// <summary>What was asked for; null for no reward.</summary>
    public static RewardFlags? Read(ParseResult parsed, ModelDescription model, List<Problem> problems)
    {
        var (path, best, beta) = (parsed.GetValue(Reward), parsed.GetValue(Best), parsed.GetValue(Reject));
        if (best is < 1)
            problems.Add(Problem.Of(Best.Name, $"is {best}", "at least 1", "16 is usual"));
        if (beta is { } b && !(b > 0 && double.IsFinite(b)))
            problems.Add(Problem.Of(Reject.Name, $"is {b}", "above 0", "0.5 is usual; less keeps fewer and better ones"));
        if (best is not null && beta is not null)
            problems.Add(Problem.Of(Reject.Name, $"is given beside {Best.Name}", "one of the two", "leave one out"));
        foreach (var flag in new Option[] { Best, Reject }.Where(flag => path is null && parsed.GetResult(flag) is { Implicit: false }))
            problems.Add(Problem.Of(flag.Name, $"is given without {Reward.Name}", "a reward to choose by", $"add {Reward.Name} FOLDER"));
        if (path is null)
            return null;
        if (!Directory.Exists(path) && !File.Exists(path))
            problems.Add(Problem.Of(Reward.Name, $"is {path}, which does not exist", "a reward model's folder, or a YAML file with the list rewards", "check the path"));
        if (model.Tokenizer is null)
            problems.Add(Problem.Of(Reward.Name, "is given", $"a tokenizer in {model.Folder}, which has none, as a reward has to read the same tokens", "add the tokenizer, or leave the reward out"));
        return new(path, best, beta);
    }

    /// <summary>The reward; disposed with its models.</summary>
    public RewardParts Open(CausalLm model, ModelDescription files, int longest)
    {
        var isModel = Directory.Exists(Path);
        IReadOnlyList<RewardPart> parts = isModel ? [new() { Model = Path }] : Recipe.Load<RewardFile>(Path, []).Rewards;
        try
        {
            // The model stays its owner's: what joins it with its tokenizer is not disposed.
            return RewardParts.Open(parts, "rewards", new TextModel(model, files.Tokenizer!, files.Folder), longest, MicroBatch);
        }
        catch (InputException e)
        {
            throw isModel ? new InputException(SampleVerb.Title, [.. e.Problems.Select(problem => problem with { Key = Reward.Name })]) : new InputException(Path, e.Problems);
        }
    }

    /// <summary>Draws, scores and chooses.</summary>
    public IReadOnlyList<RewardedAnswer> Sample(Sampler sampler, IReward reward, IReadOnlyList<SampleRequest> requests, Seed seed, Action<int> finished, CancellationToken stop)
    {
        var rewarded = new RewardedSampler(sampler, reward);
        return BestOf is { } n ? rewarded.BestOf(requests, n, seed, finished, stop)
            : Rejection is { } beta ? rewarded.Reject(requests, beta, seed, finished, stop)
            : rewarded.Draw(requests, seed, finished, stop);
    }
}
