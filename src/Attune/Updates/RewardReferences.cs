using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>Answers of the reference policy with their prompts: what gets mean 0 and standard deviation 1. Sampled, or given as text.</summary>
internal sealed record RewardReferences
{
    private RewardReferences()
    {
    }

    /// <summary>How many, and how.</summary>
    public required RewardScaleSettings Settings { get; init; }

    /// <summary>The sampling policy's folder; null where answers are given or none are wanted.</summary>
    public required string? Policy { get; init; }

    /// <summary>Texts to answer.</summary>
    public required IReadOnlyList<string> Prompts { get; init; }

    /// <summary>Prompts where none are named.</summary>
    public IReadOnlyList<string> Fallback { get; init; } = [];

    /// <summary>Given answers.</summary>
    public required IReadOnlyList<PromptResponse> Given { get; init; }

    /// <summary>Reads what the recipe names to its end, adding what is wrong to the problems.</summary>
    public static RewardReferences Read(RewardRecipe recipe, int? longest, Tokenizer? tokenizer, InputProblems problems)
    {
        var settings = recipe.Normalise;
        var given = Rows(settings.Responses);
        var prompts = problems.Try(() => DataSource.PromptTexts(settings.Prompts)) ?? [];
        var policy = settings.Samples > 0 && settings.Responses.Count == 0 ? settings.Reference ?? recipe.From : null;
        if (policy is not null && settings.NewTokens >= longest)
            problems.Add(Problem.Of("normalise.newTokens", $"is {settings.NewTokens}", $"below the {longest} tokens of data.longest, as prompts need some", "lower it"));
        if (policy is not null && policy != recipe.From)
        {
            var shape = problems.Try(() => RewardInputs.Shape(policy, HeadKind.NextToken));
            var own = problems.Try(() => ModelDescription.TokenizerOf(policy));
            if (shape is not null && longest > shape.MaximumPositions)
                problems.Add(Problem.Of("normalise.reference", $"takes {shape.MaximumPositions} tokens", $"at least the {longest} of data.longest", "lower data.longest, or name another policy"));
            if (own is not null && tokenizer is not null && own.VocabularySize != tokenizer.VocabularySize)
                problems.Add(Problem.Of("normalise.reference", $"has a tokenizer of {own.VocabularySize} pieces", $"that of the reward model with {tokenizer.VocabularySize}", "name the policy that it was made from"));
        }

        if (settings.Responses.Count > 0 && given.Count == 1)
            problems.Add(Problem.Of("normalise.responses", "have 1 answer", "at least 2 to see a spread", "name more"));
        return new() { Settings = settings, Policy = policy, Prompts = prompts, Given = given };

        List<PromptResponse> Rows(IReadOnlyList<DataSource> sources) => [.. sources.SelectMany(source => problems.Try(() =>
        {
            var files = source.PromptResponses();
            DataSource.CheckAll(files);
            return files;
        }) ?? []).SelectMany(file => problems.AreNone ? file.AsEnumerable() : [])];
    }

    /// <summary>Token ids of prompts with answers; none where the scale stays as it is.</summary>
    /// <param name="tokenizer">The reward model's.</param>
    /// <param name="data">How texts become tokens; <see cref="RewardDataSettings.Longest"/> is set.</param>
    /// <param name="trunk">The reward model's. Where it is an adapter's view of the sampling policy, that is its base, and no second copy is read.</param>
    /// <param name="seed">Decides prompts and draws.</param>
    /// <param name="stop">Asks to stop.</param>
    public IReadOnlyList<int[]> Sequences(Tokenizer tokenizer, RewardDataSettings data, CausalLm trunk, Seed seed, CancellationToken stop) =>
        Settings.Samples == 0 ? [] : Policy is null ? Encoded(tokenizer, data, seed) : Sampled(tokenizer, data, trunk, seed, stop);

    /// <summary>Tokens of the longest prompt that is answered.</summary>
    /// <param name="tokenizer">The policy's.</param>
    /// <param name="longest">Tokens of a prompt with its answer at most.</param>
    public int LongestPrompt(Tokenizer tokenizer, int longest) =>
        Math.Min(longest - Settings.NewTokens, Texts.Select(text => tokenizer.Encode(text).Length).Append(1).Max());

    private IReadOnlyList<string> Texts => Prompts.Count > 0 ? Prompts : Fallback;

    private int[][] Encoded(Tokenizer tokenizer, RewardDataSettings data, Seed seed)
    {
        var rows = new RowBuilder(tokenizer, new() { Longest = data.Longest!.Value, Overlong = OverlongRule.CutStart, AddEnd = data.AddEnd });
        var drawn = seed.Permutation(Given.Count).Take(Settings.Samples).Select(k => rows.Of(Given[k])?.Ids);
        return [.. drawn.Where(ids => ids is not null).Select(ids => ids!)];
    }

    private int[][] Sampled(Tokenizer tokenizer, RewardDataSettings data, CausalLm trunk, Seed seed, CancellationToken stop)
    {
        var ends = ModelDescription.Read(Policy!, TokenizerUse.Needed).EndIds;
        var shared = trunk.Base is { Config.Head: HeadKind.NextToken, Folder: { } folder } && AdapterFolder.AreSame(folder, Policy!) ? trunk.Base : null;
        using var own = shared is null ? CausalLm.Load(Policy!, trunk.Compute) : null;
        var texts = Texts;
        var order = seed.For("prompts").Permutation(texts.Count);
        var room = data.Longest!.Value - Settings.NewTokens;
        var requests = Enumerable.Range(0, Settings.Samples)
            .Select(k => new SampleRequest(Cut(tokenizer.Encode(texts[order[k % order.Length]])), k))
            .ToArray();
        var sampler = new Sampler((shared ?? own)!, new() { Temperature = Settings.Temperature, MaximumNewTokens = Settings.NewTokens, EndTokens = ends });
        var rollouts = sampler.Sample(requests, seed.For("draws"), stop: stop);
        return [.. rollouts.Select(r => (int[])[.. r.Prompt, .. Ended(r.Response)])];

        int[] Cut(int[] ids) => ids.Length == 0 ? [ends.Count > 0 ? ends[0] : 0] // nothing to answer is answered as a new text
            : ids[Math.Max(0, ids.Length - room)..];

        int[] Ended(int[] response) => !data.AddEnd && ends.Contains(response[^1]) ? response[..^1] : response;
    }
}
