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
    public static LanguageModelResult? Run(PretrainRecipe recipe, Run run, CancellationToken stop)
    {
        var compute = recipe.Compute.Open();
        var (corpus, validation) = (Files(recipe.Corpus), Files(recipe.Validation));
        if (recipe.From is { } from)
            HuggingFaceFolder.ReadConfig(from);
        DataSource.CheckAll(corpus.Concat(validation));

        using var text = Open(recipe, run, corpus, compute, stop);
        var context = text.Model.Config.MaximumPositions;
        StageMemory.Require(text.Model.Config, compute.DType, recipe.Pretrain.MicroBatch, context, "pretrain.microBatch");
        var rows = Pack(text, corpus, recipe.Packing, context, stop);
        var held = Pack(text, validation, recipe.Packing, context, stop);
        run.Progress.Say($"{text.Model.Config.ParameterCount:N0} parameters, {rows.RealTokens:N0} tokens in {rows.Rows:N0} rows of {context}"
            + (held.Rows > 0 ? $", {held.RealTokens:N0} for validation" : ""));
        var work = new LanguageModelWork("pretraining", text, rows, held, new Seed((ulong)recipe.Seed).For("pretrain"));
        return LanguageModelStage.Run(work, recipe.Pretrain, run, stop);
    }

    private static DataFile<Document>[] Files(IReadOnlyList<DataSource> sources) => [.. sources.SelectMany(source => source.Documents())];

    private static TextModel Open(PretrainRecipe recipe, Run run, DataFile<Document>[] corpus, Compute compute, CancellationToken stop)
    {
        if (recipe.From is { } from)
            return TextModel.Load(from, compute);
        var tokenizer = TokenizerOf(recipe, run, corpus, stop);
        var config = recipe.Model.ToConfig(tokenizer.VocabularySize, tokenizer.EndId, tokenizer.PaddingId, recipe.StoreHalf ? DType.Float16 : DType.Float32);
        return new(CausalLm.Create(config, new Seed((ulong)recipe.Seed).For("weights"), compute), tokenizer);
    }

    private static Tokenizer TokenizerOf(PretrainRecipe recipe, Run run, DataFile<Document>[] corpus, CancellationToken stop)
    {
        if (recipe.Tokenizer is { } given)
            return Tokenizer.Load(given);
        var kept = Path.Combine(run.Folder, "tokenizer");
        if (File.Exists(Path.Combine(kept, "tokenizer.json")))
            return Tokenizer.Load(kept);
        run.Progress.Say($"learning {recipe.Vocabulary:N0} pieces from the corpus");
        var trained = BpeTrainer.Train(corpus.SelectMany(file => file).Select(document => document.Text), new() { VocabularySize = recipe.Vocabulary }, stop);
        AtomicFolder.Write(kept, trained.Save);
        return Tokenizer.Load(kept);
    }

    private static TokenBatch Pack(TextModel text, DataFile<Document>[] files, PackingStrategy packing, int context, CancellationToken stop)
    {
        var builder = new RowBuilder(text.Tokenizer, new() { Longest = int.MaxValue, AddEnd = text.Tokenizer.EndId is not null });
        var documents = files.SelectMany(file => file).Select(document =>
        {
            stop.ThrowIfCancellationRequested();
            return builder.Whole(document);
        });
        return Packer.Batch([.. Packer.Pack(documents, context, packing)], context, text.PaddingId);
    }
}
