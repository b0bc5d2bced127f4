using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;

namespace Attune.Updates;

/// <summary>What is asked: the section <c>prompts</c>.</summary>
public sealed record PpoPromptSettings : IChecked
{
    /// <summary>Where the prompts come from: lines of plain text, documents, or rows with a prompt.</summary>
    public IReadOnlyList<DataSource> Data { get; init; } = [];

    /// <summary>Text around each prompt, which <c>{prompt}</c> stands for; added tokens of the tokenizer may stand here. Or <c>chat</c>: each prompt is what a person says, written with the model's chat template.</summary>
    public string Template { get; init; } = Hole;

    /// <summary>Longer prompts lose their beginning, text around them included, or are left out.</summary>
    public int MaximumTokens { get; init; } = 256;

    /// <summary>Whether longer prompts are left out rather than cut.</summary>
    public bool DropLonger { get; init; }

    internal const string Hole = "{prompt}";
    internal const string Chat = "chat";

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (MaximumTokens < 1)
            yield return Problem.Of("maximumTokens", $"is {MaximumTokens}", "at least 1", "256 is usual");
        if (Template != Chat && Template.Split(Hole).Length != 2)
            yield return Problem.Of("template", $"is \"{Template}\"", $"text with {Hole} in it once", $"leave it out for the prompt alone, or write {Chat} for the model's chat template");
    }

    internal IEnumerable<Problem> CheckData(string key) => DataSource.CheckFormats(Data, $"{key}.data", DataFormat.Text, DataFormat.Documents, DataFormat.Prompts, DataFormat.Preferences);
}

/// <summary>Text whose next-token loss is mixed in (PPO-ptx): the section <c>pretraining</c>.</summary>
public sealed record PpoPretrainingSettings : IChecked
{
    /// <summary>Plain text or documents.</summary>
    public IReadOnlyList<DataSource> Data { get; init; } = [];

    /// <summary>Pieces of text in every optimiser step.</summary>
    public int Rows { get; init; } = 8;

    /// <summary>Most tokens of a piece; longer documents are cut into several.</summary>
    public int Length { get; init; } = 128;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Rows < 1)
            yield return Problem.Of("rows", $"is {Rows}", "at least 1", "8 is usual");
        if (Length < 2)
            yield return Problem.Of("length", $"is {Length}", "at least 2", "128 is usual");
        foreach (var problem in DataSource.CheckFormats(Data, "data", DataFormat.Text, DataFormat.Documents))
            yield return problem;
    }
}

/// <summary>A judge that training never asks, and prompts that it never sees: the section <c>heldOut</c>.</summary>
public sealed record PpoHeldOutSettings : IChecked
{
    /// <summary>The judge: one reward or a mixture.</summary>
    public IReadOnlyList<RewardPart> Rewards { get; init; } = [];

    /// <summary>Prompts to judge on; where there are none, the tenth of <c>prompts</c> that <see cref="HashSplit"/> calls test is kept out of training for it.</summary>
    public IReadOnlyList<DataSource> Data { get; init; } = [];

    /// <summary>How many of them, the same each time.</summary>
    public int Prompts { get; init; } = 64;

    /// <summary>Steps between two looks; the first is before the first step.</summary>
    public int Every { get; init; } = 10;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Rewards.Count == 0)
            yield return Problem.Of("rewards", "is empty", "at least one judge", "name one that training does not ask, or leave heldOut out");
        if (Prompts < 2)
            yield return Problem.Of("prompts", $"is {Prompts}", "at least 2", "64 is usual");
        if (Every < 1)
            yield return Problem.Of("every", $"is {Every}", "at least 1", "10 is usual");
        foreach (var problem in RewardPart.CheckNames(Rewards, "rewards"))
            yield return problem;
        foreach (var problem in new PpoPromptSettings { Data = Data }.CheckData(""))
            yield return problem with { Key = problem.Key.TrimStart('.') };
    }
}

/// <summary>Answers to look at, in <c>samples.jsonl</c>: the section <c>samples</c>.</summary>
public sealed record PpoSampleSettings : IChecked
{
    /// <summary>Steps between two looks; 0 writes none.</summary>
    public int Every { get; init; } = 10;

    /// <summary>Answers each time.</summary>
    public int Count { get; init; } = 4;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Every < 0)
            yield return Problem.Of("every", $"is {Every}", "0 (none) or more", "10 is usual");
        if (Count < 1)
            yield return Problem.Of("count", $"is {Count}", "at least 1", "4 is usual");
    }
}

/// <summary>Answers token by token, in <c>rollouts/</c>: the section <c>rollouts</c>. A file has at most <c>count</c> answers, about 100 bytes a token.</summary>
public sealed record PpoRolloutSettings : IChecked
{
    /// <summary>The most answers of a file.</summary>
    public const int MostAnswers = 64;

    /// <summary>Steps between two files; 0 writes none.</summary>
    public int Every { get; init; } = 25;

    /// <summary>Answers each time, of different prompts; from 1 to <see cref="MostAnswers"/>.</summary>
    public int Count { get; init; } = 8;

    /// <summary>The newest files that are kept.</summary>
    public int Keep { get; init; } = 40;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Every < 0)
            yield return Problem.Of("every", $"is {Every}", "0 (none) or more", "25 is usual");
        if (Count is < 1 or > MostAnswers)
            yield return Problem.Of("count", $"is {Count}", $"1 to {MostAnswers}", "8 is usual");
        if (Keep < 1)
            yield return Problem.Of("keep", $"is {Keep}", "at least 1", "40 is usual");
    }
}

/// <summary>The recipe of <c>attune ppo</c>.</summary>
public sealed record PpoRecipe : IChecked
{
    /// <summary>Decides the order of prompts and every draw.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Where to compute.</summary>
    public ComputeSettings Compute { get; init; } = new();

    /// <summary>Folder of the policy to improve, with its tokenizer.</summary>
    public required string From { get; init; }

    /// <summary>
    /// An adapter to train beside the frozen weights, which are the reference, too, and a separate critic's: there is one copy of them. The whole
    /// policy is trained where not set.
    /// </summary>
    public AdapterSettings? Adapter { get; init; }

    /// <summary>Folder of the model that the policy must stay near; the policy as it begins where not set.</summary>
    public string? Reference { get; init; }

    /// <summary>Folder of the reward model that the critic begins as, where <c>ppo.valueStart</c> says so; the first of <see cref="Rewards"/> where not set.</summary>
    public string? Critic { get; init; }

    /// <summary>Who judges: one reward, or several that are added up with their weights.</summary>
    public IReadOnlyList<RewardPart> Rewards { get; init; } = [];

    /// <summary>What is asked.</summary>
    public PpoPromptSettings Prompts { get; init; } = new();

    /// <summary>Text for PPO-ptx; needed where <c>ppo.pretrainingCoefficient</c> is not 0.</summary>
    public PpoPretrainingSettings Pretraining { get; init; } = new();

    /// <summary>A judge beside the reward, to see whether the policy games it; may be missing.</summary>
    public PpoHeldOutSettings? HeldOut { get; init; }

    /// <summary>The method.</summary>
    public PpoConfig Ppo { get; init; } = new();

    /// <summary>
    /// The whole chain of sampling, with its presets, as an evaluation has it; where not set, <c>ppo.temperature</c>, <c>topK</c>, <c>topP</c> and <c>minimumLength</c> are all of it. Those four
    /// may stand beside it only where they say the same, and the length of answers is always <c>ppo.maximumLength</c>.
    /// </summary>
    public SamplingOptions? Sampling { get; init; }

    /// <summary>Answers to look at.</summary>
    public PpoSampleSettings Samples { get; init; } = new();

    /// <summary>Answers token by token.</summary>
    [ResultNeutral]
    public PpoRolloutSettings Rollouts { get; init; } = new();

    /// <summary>How often to save; checkpoints kept by <c>keepEvery</c> hold the policies of the KL–reward frontier.</summary>
    [ResultNeutral]
    public RunSettings Run { get; init; } = new() { CheckpointEvery = 10 };

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Rewards is { Count: 0 })
            yield return Problem.Of("rewards", "is empty", "at least one reward", "add \"rewards:\" with a line \"- model: FOLDER\" or \"- function: NAME\" below");
        foreach (var problem in RewardPart.CheckNames(Rewards, "rewards"))
            yield return problem;
        if (Prompts.Data.Count == 0)
            yield return Problem.Of("prompts.data", "names no data", "at least one source", "add \"data:\" with a line \"- path: FILE\" below");
        foreach (var problem in Prompts.CheckData("prompts"))
            yield return problem;
        if (Ppo.PretrainingCoefficient > 0 && Pretraining.Data.Count == 0)
        {
            yield return Problem.Of("pretraining.data", "names no data", $"text, as ppo.pretrainingCoefficient is {Ppo.PretrainingCoefficient}",
                "name some, or set ppo.pretrainingCoefficient to 0");
        }

        if (Ppo.ValueStart == ValueStart.RewardModel && Critic is null && Rewards.All(part => part.Model is null))
        {
            yield return Problem.Of("critic", "is not set", "the folder of a reward model, as ppo.valueStart is reward-model and no reward is a model",
                "name one, or set ppo.valueStart to zero");
        }

        if (Adapter is { Dropout: > 0 })
        {
            yield return Problem.Of("adapter.dropout", $"is {Adapter.Dropout}", "0, as the policy that learns must be the one that answered: a first probability ratio of 1",
                "leave it out; other stages may have it");
        }

        if (Ppo.ValueStart != ValueStart.RewardModel && Critic is not null)
            yield return Problem.Of("critic", "is set", "nothing, as ppo.valueStart is zero", "set ppo.valueStart to reward-model and ppo.critic to separate, or leave critic out");
        foreach (var problem in Sampling is null ? [] : CheckSampling(Sampling, new(), new()))
            yield return problem;
    }

    /// <summary>How answers are drawn; the tokens that end them are the policy's.</summary>
    internal SamplingOptions Draws(IReadOnlyList<int> endTokens) =>
        (Sampling ?? new() { Temperature = Ppo.Temperature, TopK = Ppo.TopK, TopP = Ppo.TopP, MinimumNewTokens = Ppo.MinimumLength }) with { MaximumNewTokens = Ppo.MaximumLength, EndTokens = endTokens };

    private IEnumerable<Problem> CheckSampling(SamplingOptions chain, PpoConfig usual, SamplingOptions none)
    {
        foreach (var (key, problem) in (chain with { MaximumNewTokens = Math.Max(1, Ppo.MaximumLength) }).Problems())
            yield return new($"sampling.{key}", problem);
        if (chain.IsGreedy || chain.Temperature == 0)
            yield return Problem.Of(chain.IsGreedy ? "sampling.isGreedy" : "sampling.temperature", $"is {(chain.IsGreedy ? "true" : "0")}", "answers that are drawn, as the policy learns from their differences", "leave it out");
        foreach (var (key, value, inPpo, ofChain) in new[]
        {
            ("temperature", Ppo.Temperature, usual.Temperature, chain.Temperature), ("topK", Ppo.TopK, usual.TopK, chain.TopK), ("topP", Ppo.TopP, usual.TopP, chain.TopP),
            ("minimumLength", Ppo.MinimumLength, usual.MinimumLength, chain.MinimumNewTokens),
        })
        {
            if (value != inPpo && value != ofChain)
                yield return Problem.Of($"ppo.{key}", $"is {value} beside a section sampling, where it is {ofChain}", "one of the two", "leave it out of ppo");
        }

        if (chain.MaximumNewTokens != none.MaximumNewTokens && chain.MaximumNewTokens != Ppo.MaximumLength)
            yield return Problem.Of("sampling.maximumNewTokens", $"is {chain.MaximumNewTokens}", $"nothing, as ppo.maximumLength is {Ppo.MaximumLength}", "leave it out");
        foreach (var (key, isGiven) in new[] { ("endTokens", chain.EndTokens.Count > 0), ("stopStrings", chain.StopStrings.Count > 0) })
        {
            if (isGiven)
                yield return Problem.Of($"sampling.{key}", "is set", "nothing, as the policy's own end tokens end its answers", "leave it out");
        }
    }
}
