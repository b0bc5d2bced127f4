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
/// Supervised fine-tuning: the next-token loss on responses alone, sums over the whole batch. Not here: mixing in pretraining text, adapters.
/// </summary>
public static class FineTuning
{
    /// <summary>Trains, or goes on, and writes the model into the run's folder; null where it was asked to stop before the end.</summary>
    /// <exception cref="InputException">Something in the recipe's files cannot be used; nothing was trained.</exception>
    /// <exception cref="RunFailedException">The loss is not a number, or the disk is full.</exception>
    public static LanguageModelResult? Run(SftRecipe recipe, Run run, CancellationToken stop)
    {
        var compute = recipe.Compute.Open();
        using var text = TextModel.Load(recipe.From, compute);
        if (recipe.Rows.Longest > text.Model.Config.MaximumPositions)
        {
            throw new InputException("The recipe", [Problem.Of("rows.longest", $"is {recipe.Rows.Longest}",
                $"at most the {text.Model.Config.MaximumPositions} tokens that the model reads", "lower it")]);
        }
        var data = Rows(recipe.Data, text, recipe, run, "data");
        var held = Rows(recipe.Validation, text, recipe, run, "validation");
        StageMemory.Require(text.Model.Config, compute.DType, recipe.Sft.MicroBatch, data.Width, "sft.microBatch");
        run.Progress.Say($"{data.LossTokens:N0} response tokens of {data.RealTokens:N0} in {data.Rows:N0} rows of {data.Width}");
        var work = new LanguageModelWork("fine-tuning", text, data, held, new Seed((ulong)recipe.Seed).For("sft"));
        return LanguageModelStage.Run(work, recipe.Sft, run, stop);
    }

    /// <summary>All demonstrations as rows with the loss on responses; what a dry run renders.</summary>
    public static IReadOnlyList<TokenRow> Build(IReadOnlyList<DataSource> sources, RowBuilder builder)
    {
        var prompts = sources.Where(s => s.Format == DataFormat.Prompts).SelectMany(s => s.PromptResponses()).ToArray();
        var messages = sources.Where(s => s.Format == DataFormat.Messages).SelectMany(s => s.Conversations()).ToArray();
        DataSource.CheckAll(prompts);
        DataSource.CheckAll(messages);
        return [.. prompts.SelectMany(file => file).Select(builder.Of).OfType<TokenRow>(), .. messages.SelectMany(file => file).Select(builder.Of).OfType<TokenRow>()];
    }

    private static TokenBatch Rows(IReadOnlyList<DataSource> sources, TextModel text, SftRecipe recipe, Run run, string key)
    {
        if (sources.Count == 0)
            return new TokenBatch(0, 1, text.PaddingId);
        var builder = new RowBuilder(text.Tokenizer, recipe.Rows);
        var rows = Build(sources, builder);
        if (rows.Count == 0)
        {
            throw new InputException("The recipe", [Problem.Of(key, $"has no row left of {builder.Dropped}", "at least one row with a response that fits",
                $"raise rows.longest (now {recipe.Rows.Longest}) or change rows.overlong")]);
        }
        if (builder.Shortened + builder.Dropped > 0)
            run.Progress.Warn($"{key}: {builder.Shortened} rows were cut and {builder.Dropped} left out, being longer than {recipe.Rows.Longest} tokens");
        return recipe.Packed
            ? Packer.Batch([.. Packer.Pack(rows, recipe.Rows.Longest, PackingStrategy.Bfd)], recipe.Rows.Longest, text.PaddingId)
            : Collators.Pad(rows, text.PaddingId);
    }
}
