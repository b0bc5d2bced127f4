using Attune.Models;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>The recipe of <c>attune pretrain</c>.</summary>
public sealed record PretrainRecipe : IChecked
{
    /// <summary>Decides fresh weights and the order of rows.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Where to compute.</summary>
    public ComputeSettings Compute { get; init; } = new();

    /// <summary>A model folder to go on from; a new model where not set.</summary>
    public string? From { get; init; }

    /// <summary>An adapter to train beside the frozen weights of <see cref="From"/>; the whole model is trained where not set.</summary>
    public AdapterSettings? Adapter { get; init; }

    /// <summary>The new model's shape.</summary>
    public ModelShape Model { get; init; } = new();

    /// <summary>A folder with a tokenizer for the new model; trained on the corpus where not set.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Pieces of a trained tokenizer.</summary>
    public int Vocabulary { get; init; } = 4_096;

    /// <summary>What to learn from: plain text or documents.</summary>
    public IReadOnlyList<DataSource> Corpus { get; init; } = [];

    /// <summary>What to measure on; may be none.</summary>
    public IReadOnlyList<DataSource> Validation { get; init; } = [];

    /// <summary>How documents share rows of the model's context.</summary>
    public PackingStrategy Packing { get; init; } = PackingStrategy.Wrapped;

    /// <summary>Whether the model is written in half precision: half the disk for about three digits.</summary>
    public bool StoreHalf { get; init; }

    /// <summary>Batch, learning rate, optimiser, length.</summary>
    public LanguageModelConfig Pretrain { get; init; } = new();

    /// <summary>How often to save.</summary>
    [ResultNeutral]
    public RunSettings Run { get; init; } = new() { CheckpointEvery = 500 };

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Corpus.Count == 0)
            yield return Problem.Of("corpus", "names no data", "at least one source", "add \"corpus:\" with a line \"- path: FILE\" below");
        foreach (var problem in DataSource.CheckFormats(Corpus, "corpus", DataFormat.Text, DataFormat.Documents))
            yield return problem;
        foreach (var problem in DataSource.CheckFormats(Validation, "validation", DataFormat.Text, DataFormat.Documents))
            yield return problem;
        if (Vocabulary < 258)
            yield return Problem.Of("vocabulary", $"is {Vocabulary}", "at least 258: 256 bytes and two special tokens", "4096 is usual for a small model");
        if (From is not null && Tokenizer is not null)
            yield return Problem.Of("tokenizer", "is set beside from", "one of them: a model brings its own", "leave tokenizer out");
        if (Adapter is not null && From is null)
            yield return Problem.Of("adapter", "is set without from", "a trained model to stand beside", "name its folder under from, or leave adapter out");
    }
}

/// <summary>
/// Next-token training on documents: a tokenizer, packed rows in which documents do not see each other, the loop. The tokenizer is kept in the
/// run folder from the start, so that a resumed run reads the same ids. Not here: mixing sources by weight, several machines.
/// </summary>
public static class Pretraining
{
    /// <summary>Trains, or goes on, and writes the model into the run's folder; null where it was asked to stop before the end.</summary>
    /// <exception cref="InputException">Something in the recipe's files cannot be used; nothing was trained.</exception>
    /// <exception cref="RunFailedException">The loss is not a number, or the disk is full.</exception>
    public static LanguageModelResult? Run(PretrainRecipe recipe, Run run, CancellationToken stop) => Run(recipe, run, recipe.Compute.Memory(run.Progress), stop);

    internal static LanguageModelResult? Run(PretrainRecipe recipe, Run run, MemoryBudget available, CancellationToken stop)
    {
        if (LanguageModelStage.Finished(run) is { } finished)
            return finished;
        var plan = Plan(recipe, available, Path.Combine(run.Folder, "tokenizer"), run.Progress, stop);
        var compute = recipe.Compute.Open();
        var seed = new Seed((ulong)recipe.Seed);
        using var text = recipe.From is { } from ? TextModel.Load(from, compute, recipe.Adapter).Adapted(recipe.Adapter, seed)
            : new TextModel(CausalLm.Create(plan.Config, seed.For("weights"), compute), plan.Tokenizer);
        run.Progress.Say($"{plan.Config.ParameterCount:N0} parameters, {plan.Rows.RealTokens:N0} tokens in {plan.Rows.Rows:N0} rows of {plan.Rows.Width}"
            + (plan.Validation.Rows > 0 ? $", {plan.Validation.RealTokens:N0} for validation" : ""));
        return LanguageModelStage.Run("pretraining", text, plan, seed.For("pretrain"), run, stop);
    }

    /// <summary>What a run would do; writes nothing. A tokenizer that the recipe asks for is learned, which takes a while for a large corpus.</summary>
    /// <exception cref="InputException">Everything that is wrong with what the recipe names.</exception>
    public static LanguageModelPlan Plan(PretrainRecipe recipe, IProgressSink progress, CancellationToken stop) =>
        Plan(recipe, recipe.Compute.Memory(progress), keptIn: null, progress, stop);

    internal static LanguageModelPlan Plan(PretrainRecipe recipe, MemoryBudget available, string? keptIn, IProgressSink progress, CancellationToken stop)
    {
        var problems = new InputProblems("The input");
        var warnings = new List<string>();
        problems.Try(() => recipe.Compute.Open());
        var corpus = LanguageModelPlan.Checked(recipe.Corpus, source => source.Documents(), problems, warnings);
        var validation = LanguageModelPlan.Checked(recipe.Validation, source => source.Documents(), problems, warnings);
        var (config, tokenizer) = Shape(recipe, problems);
        problems.Add(config is null ? [] : recipe.Adapter?.CheckFor(config) ?? []);
        var rows = Math.Min(recipe.Pretrain.MicroBatch, recipe.Pretrain.Batch);
        var bytes = config is null ? 0 : StageMemory.Bytes(config, recipe.Compute.DType, StageMemory.NextToken(recipe.Pretrain, config.MaximumPositions, recipe.Adapter));
        if (StageMemory.Check(bytes, available, rows, "pretrain.microBatch") is { } tooMuch)
            problems.Add(tooMuch);
        problems.ThrowIfAny();

        if (tokenizer is null)
        {
            tokenizer = Learn(recipe, corpus, keptIn, progress, stop);
            config = ConfigOf(recipe, tokenizer);
            if (tokenizer.VocabularySize < recipe.Vocabulary)
                warnings.Add($"vocabulary is {recipe.Vocabulary:N0}, but the corpus gave {tokenizer.VocabularySize:N0} pieces that occur twice");
        }
        var packed = Pack(tokenizer, corpus, recipe.Packing, config!, stop);
        return new()
        {
            Config = config!,
            Tokenizer = tokenizer,
            Rows = packed,
            Validation = Pack(tokenizer, validation, recipe.Packing, config!, stop),
            Training = recipe.Pretrain,
            Adapter = recipe.Adapter,
            MemoryBytes = bytes,
            Warnings = [.. warnings, .. LanguageModelPlan.Doubts("pretrain", recipe.Pretrain, packed, tokenizer)],
        };
    }

    /// <summary>The model's shape and its tokenizer, as far as they are known before a tokenizer is learned: then the vocabulary asked for stands in.</summary>
    private static (TransformerConfig?, Tokenizer?) Shape(PretrainRecipe recipe, InputProblems problems)
    {
        if (recipe.From is { } from)
        {
            var start = LanguageModelPlan.Start(from, problems);
            return (start?.Config, start?.Tokenizer);
        }
        var tokenizer = recipe.Tokenizer is { } given ? problems.Try(() => Tokenizer.Load(given)) : null;
        return (tokenizer is null ? recipe.Model.ToConfig(recipe.Vocabulary, null, null, DType.Float32) : ConfigOf(recipe, tokenizer), tokenizer);
    }

    private static TransformerConfig ConfigOf(PretrainRecipe recipe, Tokenizer tokenizer) =>
        recipe.Model.ToConfig(tokenizer.VocabularySize, tokenizer.EndId, tokenizer.PaddingId, recipe.StoreHalf ? DType.Float16 : DType.Float32);

    private static Tokenizer Learn(PretrainRecipe recipe, DataFile<Document>[] corpus, string? keptIn, IProgressSink progress, CancellationToken stop)
    {
        if (keptIn is not null && File.Exists(Path.Combine(keptIn, "tokenizer.json")))
            return Tokenizer.Load(keptIn);
        progress.Say($"learning {recipe.Vocabulary:N0} pieces from the corpus");
        var trained = BpeTrainer.Train(corpus.SelectMany(file => file).Select(document => document.Text), new() { VocabularySize = recipe.Vocabulary }, stop);
        if (keptIn is null)
            return trained;
        AtomicFolder.Write(keptIn, trained.Save);
        return Tokenizer.Load(keptIn);
    }

    private static TokenBatch Pack(Tokenizer tokenizer, DataFile<Document>[] files, PackingStrategy packing, TransformerConfig config, CancellationToken stop)
    {
        var builder = new RowBuilder(tokenizer, new() { Longest = int.MaxValue, AddEnd = tokenizer.EndId is not null });
        var documents = files.SelectMany(file => file).Select(document =>
        {
            stop.ThrowIfCancellationRequested();
            return builder.Whole(document);
        });
        var width = config.MaximumPositions;
        return Packer.Batch([.. Packer.Pack(documents, width, packing)], width, config.PadId ?? tokenizer.PaddingId ?? 0);
    }
}
