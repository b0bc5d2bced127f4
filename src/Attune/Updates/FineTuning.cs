using Attune.Models;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>The recipe of <c>attune sft</c>.</summary>
public sealed record SftRecipe : IChecked
{
    /// <summary>Decides the order of rows.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Where to compute.</summary>
    public ComputeSettings Compute { get; init; } = new();

    /// <summary>The model folder to go on from, with its tokenizer.</summary>
    public required string From { get; init; }

    /// <summary>An adapter to train beside the model's frozen weights; the whole model is trained where not set.</summary>
    public AdapterSettings? Adapter { get; init; }

    /// <summary>Demonstrations: prompts with responses, or conversations.</summary>
    public IReadOnlyList<DataSource> Data { get; init; } = [];

    /// <summary>Demonstrations to measure on; may be none.</summary>
    public IReadOnlyList<DataSource> Validation { get; init; } = [];

    /// <summary>How rows are made: longest row, what happens to longer ones, end token, how conversations are written.</summary>
    public RowOptions Rows { get; init; } = new();

    /// <summary>Whether short rows share one up to the longest length; they do not see each other.</summary>
    public bool Packed { get; init; } = true;

    /// <summary>Batch, learning rate, optimiser, length.</summary>
    public LanguageModelConfig Sft { get; init; } = Usual;

    /// <summary>How often to save.</summary>
    [ResultNeutral]
    public RunSettings Run { get; init; } = new();

    private static LanguageModelConfig Usual => new() { Batch = 16, LearningRate = 2e-4, WarmUpSteps = 10, Epochs = 2 };

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Data.Count == 0)
            yield return Problem.Of("data", "names no data", "at least one source", "add \"data:\" with \"- path: FILE\" and \"format: prompts\" below");
        foreach (var problem in DataSource.CheckFormats(Data, "data", DataFormat.Prompts, DataFormat.Messages))
            yield return problem;
        foreach (var problem in DataSource.CheckFormats(Validation, "validation", DataFormat.Prompts, DataFormat.Messages))
            yield return problem;
    }
}

/// <summary>
/// Supervised fine-tuning: the next-token loss on responses alone, sums over the whole batch. Not here: mixing in pretraining text.
/// </summary>
public static class FineTuning
{
    /// <summary>Trains, or goes on, and writes the model into the run's folder; null where it was asked to stop before the end.</summary>
    /// <exception cref="InputException">Something in the recipe's files cannot be used; nothing was trained.</exception>
    /// <exception cref="RunFailedException">The loss is not a number, or the disk is full.</exception>
    public static LanguageModelResult? Run(SftRecipe recipe, Run run, CancellationToken stop) => Run(recipe, run, recipe.Compute.Memory(run.Progress), stop);

    internal static LanguageModelResult? Run(SftRecipe recipe, Run run, MemoryBudget available, CancellationToken stop)
    {
        if (LanguageModelStage.Finished(run) is { } finished)
            return finished;
        var plan = Plan(recipe, available, stop);
        var seed = new Seed((ulong)recipe.Seed).For("sft");
        using var start = TextModel.Load(recipe.From, recipe.Compute.Open(), recipe.Adapter).Adapted(recipe.Adapter, seed);
        var text = new TextModel(start.Model, plan.Tokenizer) { Usual = start.Usual }; // the finished model keeps the template that it was taught with
        run.Progress.Say($"{plan.Rows.LossTokens:N0} response tokens of {plan.Rows.RealTokens:N0} in {plan.Rows.Rows:N0} rows of {plan.Rows.Width}");
        return LanguageModelStage.Run("fine-tuning", text, plan, seed, run, stop);
    }

    /// <summary>What a run would do; writes nothing.</summary>
    /// <exception cref="InputException">Everything that is wrong with what the recipe names.</exception>
    public static LanguageModelPlan Plan(SftRecipe recipe, IProgressSink progress, CancellationToken stop) => Plan(recipe, recipe.Compute.Memory(progress), stop);

    internal static LanguageModelPlan Plan(SftRecipe recipe, MemoryBudget available, CancellationToken stop)
    {
        var problems = new InputProblems("The input");
        var warnings = new List<string>();
        problems.Try(() => recipe.Compute.Open());
        var start = LanguageModelPlan.Start(recipe.From, problems);
        var (config, tokenizer) = (start?.Config, start?.Tokenizer);
        if (recipe.Rows.Longest > config?.MaximumPositions)
            problems.Add(Problem.Of("rows.longest", $"is {recipe.Rows.Longest}", $"at most the {config.MaximumPositions} tokens that the model reads", "lower it"));
        if (recipe.Rows.AddEnd && tokenizer is { EndId: null })
            problems.Add(Problem.Of("rows.addEnd", "is true, and the tokenizer names no end token", "one to end responses with", "name it in tokenizer_config.json, or set rows.addEnd to false"));
        else if (recipe.Rows.AddEnd && start is not null)
            problems.Try(() => problems.Add(NeverEnding(recipe, start)));
        problems.Add(config is null ? [] : recipe.Adapter?.CheckFor(config) ?? []);
        var (data, validation) = (Demonstrations.Checked(recipe.Data, problems, warnings), Demonstrations.Checked(recipe.Validation, problems, warnings));
        problems.ThrowIfAny();

        var rows = Rows("data", data, tokenizer!, config!, recipe, problems, warnings, stop);
        var held = Rows("validation", validation, tokenizer!, config!, recipe, problems, warnings, stop);
        problems.ThrowIfAny();
        var most = Math.Min(recipe.Sft.MicroBatch, recipe.Sft.Batch);
        var bytes = StageMemory.Bytes(config!, recipe.Compute.DType, StageMemory.NextToken(recipe.Sft, Math.Max(rows!.Width, held!.Width), recipe.Adapter));
        if (StageMemory.Check(bytes, available, most, "sft.microBatch") is { } tooMuch)
            problems.Add(tooMuch);
        problems.ThrowIfAny();
        if (!recipe.Rows.AddEnd)
            warnings.Add("rows.addEnd is false: the model does not learn to end its responses");
        return new()
        {
            Config = config!,
            Tokenizer = recipe.Data.Any(source => source.Format == DataFormat.Messages) ? tokenizer!.With(ChatEncoder.TemplateOf(tokenizer, recipe.Rows.Chat)) : tokenizer!,
            Rows = rows,
            Validation = held,
            Training = recipe.Sft,
            Adapter = recipe.Adapter,
            MemoryBytes = bytes,
            Warnings = [.. warnings, .. LanguageModelPlan.Doubts("sft", recipe.Sft, rows, tokenizer!)],
        };
    }

    /// <summary>What is learned as an answer's end and yet ends no sampled answer.</summary>
    private static IEnumerable<Problem> NeverEnding(SftRecipe recipe, ModelDescription start)
    {
        var (ends, tokenizer) = (start.EndIds, start.Tokenizer!);
        var expected = $"one of the tokens that end an answer of {recipe.From}: {string.Join(", ", ends)}";
        var fix = $"name it as eos_token_id in its {GenerationConfig.FileName}";
        if (recipe.Data.Any(source => source.Format == DataFormat.Prompts) && !ends.Contains(tokenizer.EndId!.Value))
            yield return Problem.Of("rows.addEnd", $"is true, which ends answers with {tokenizer.Roles.End} (id {tokenizer.EndId})", expected, $"{fix}, or set rows.addEnd to false");
        if (recipe.Data.Any(source => source.Format == DataFormat.Messages) && LastLearned(recipe, tokenizer) is var last && !ends.Contains(last))
            yield return Problem.Of("rows.chat", $"ends answers with \"{tokenizer.Decode([last])}\" (id {last})", expected, $"{fix}, or choose another template");
    }

    /// <summary>The token that a template ends an answer with.</summary>
    private static int LastLearned(SftRecipe recipe, Tokenizer tokenizer)
    {
        var row = new ChatEncoder(tokenizer, ChatEncoder.TemplateOf(tokenizer, recipe.Rows.Chat)).Row(new([new(Role.User, "a"), new(Role.Assistant, "b")]));
        return Array.LastIndexOf(row.LossMask, true) is >= 0 and var place ? row.Ids[place] : -1;
    }

    private static TokenBatch? Rows(string key, Demonstrations files, Tokenizer tokenizer, TransformerConfig config, SftRecipe recipe,
        InputProblems problems, List<string> warnings, CancellationToken stop)
    {
        var padding = config.PadId ?? tokenizer.PaddingId ?? 0;
        if (files.AreNone)
            return new TokenBatch(0, 1, padding);
        var builder = new RowBuilder(tokenizer, recipe.Rows);
        var rows = files.Rows(builder, stop);
        if (rows.Count == 0)
        {
            problems.Add(Problem.Of(key, $"has no row left of {builder.Dropped}", "at least one row with a response that fits",
                $"raise rows.longest (now {recipe.Rows.Longest}) or change rows.overlong"));
            return null;
        }
        if (builder.Shortened + builder.Dropped > 0)
            warnings.Add($"{key}: {builder.Shortened} rows were cut and {builder.Dropped} left out, being longer than {recipe.Rows.Longest} tokens");
        return recipe.Packed
            ? Packer.Batch([.. Packer.Pack(rows, recipe.Rows.Longest, PackingStrategy.Bfd)], recipe.Rows.Longest, padding)
            : Collators.Pad(rows, padding);
    }

    /// <summary>The files of a recipe's key: prompts with responses first, then conversations.</summary>
    private sealed record Demonstrations(DataFile<PromptResponse>[] Prompts, DataFile<Conversation>[] Conversations)
    {
        public bool AreNone => Prompts.Length + Conversations.Length == 0;

        public static Demonstrations Checked(IReadOnlyList<DataSource> sources, InputProblems problems, List<string> warnings) => new(
            LanguageModelPlan.Checked([.. sources.Where(s => s.Format == DataFormat.Prompts)], source => source.PromptResponses(), problems, warnings),
            LanguageModelPlan.Checked([.. sources.Where(s => s.Format == DataFormat.Messages)], source => source.Conversations(), problems, warnings));

        public List<TokenRow> Rows(RowBuilder builder, CancellationToken stop)
        {
            var rows = new List<TokenRow>();
            foreach (var row in Prompts.SelectMany(file => file).Select(builder.Of).Concat(Conversations.SelectMany(file => file).Select(builder.Of)).OfType<TokenRow>())
            {
                stop.ThrowIfCancellationRequested();
                rows.Add(row);
            }
            return rows;
        }
    }
}
