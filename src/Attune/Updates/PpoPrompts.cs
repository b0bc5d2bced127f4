using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>A recipe's prompts as token ids, and which of them a step asks.</summary>
internal sealed class PpoPrompts
{
    private readonly EpochOrder _order;

    private PpoPrompts(IReadOnlyList<int[]> training, IReadOnlyList<int[]> heldOut, Seed seed) => (Training, HeldOut, _order) = (training, heldOut, new(seed.For("prompts"), training.Count));

    /// <summary>Prompts to learn from.</summary>
    public IReadOnlyList<int[]> Training { get; }

    /// <summary>Prompts kept for the held-out judge.</summary>
    public IReadOnlyList<int[]> HeldOut { get; }

    /// <summary>Prompts that lost their beginning.</summary>
    public int Shortened { get; private init; }

    /// <summary>Prompts left out: too long, or without any token.</summary>
    public int Dropped { get; private init; }

    /// <summary>Prompts of the held-out judge, cut as they are asked, that are learned from as well.</summary>
    public int Shared { get; private init; }

    /// <summary>Reads all prompts.</summary>
    /// <exception cref="InputException">A file has problems, or no prompt is left.</exception>
    public static PpoPrompts Read(PpoRecipe recipe, Tokenizer tokenizer, Seed seed)
    {
        var given = DataSource.PromptTexts(recipe.Prompts.Data);
        var apart = recipe.HeldOut is { Data.Count: > 0 } judge ? DataSource.PromptTexts(judge.Data) : [];
        var splits = recipe.HeldOut is { Data.Count: 0 };
        if (splits)
        {
            apart = [.. given.Where(text => HashSplit.Of(text) == DataPart.Test)];
            given = [.. given.Where(text => HashSplit.Of(text) != DataPart.Test)];
        }

        var (training, heldOut) = (Encode(given, recipe.Prompts, tokenizer), Encode(apart, recipe.Prompts, tokenizer));
        if (training.Prompts.Count == 0)
        {
            throw new InputException("The recipe", [Problem.Of("prompts", $"has no prompt left of {given.Length}", $"at least one of 1 to {recipe.Prompts.MaximumTokens} tokens",
                "raise prompts.maximumTokens, or set prompts.dropLonger to false")]);
        }

        if (recipe.HeldOut is not null && heldOut.Prompts.Count < 2)
        {
            throw new InputException("The recipe", [Problem.Of("heldOut.data", splits ? $"is empty, and {heldOut.Prompts.Count} of the prompts are in the test part" : $"has {heldOut.Prompts.Count} prompts",
                "at least 2", "name a file with prompts of its own")]);
        }

        static string Name(int[] prompt) => string.Join(' ', prompt);
        int[][] judged = [.. heldOut.Prompts.Take(recipe.HeldOut?.Prompts ?? 0)];
        var learned = judged.Length == 0 ? [] : training.Prompts.Select(Name).ToHashSet();
        return new(training.Prompts, judged, seed)
        {
            Shared = judged.Count(prompt => learned.Contains(Name(prompt))),
            Shortened = training.Shortened + heldOut.Shortened,
            Dropped = training.Dropped + heldOut.Dropped,
        };
    }

    /// <summary>
    /// The prompts of a step, each as often as it is to be answered: a function of seed and step alone. Every prompt is asked once before any
    /// comes again.
    /// </summary>
    public IReadOnlyList<int[]> Of(int step, int count, int samples)
    {
        var asked = new List<int[]>(count * samples);
        for (var k = 0; k < count; k++)
        {
            var (epoch, place) = Math.DivRem((long)step * count + k, Training.Count);
            for (var sample = 0; sample < samples; sample++)
                asked.Add(Training[_order.Of(epoch)[place]]);
        }

        return asked;
    }

    /// <summary>From a prompt to what the model reads: added tokens may stand around it, but never in it.</summary>
    /// <param name="template">Text with <see cref="PpoPromptSettings.Hole"/> in it once, or <see cref="PpoPromptSettings.Chat"/>.</param>
    /// <param name="tokenizer">The model's.</param>
    internal static Func<string, int[]> Encoder(string template, Tokenizer tokenizer)
    {
        if (template == PpoPromptSettings.Chat)
        {
            var chat = new ChatEncoder(tokenizer, ChatEncoder.TemplateOf(tokenizer));
            return prompt => chat.Prompt(new([new(Role.User, prompt)]));
        }
        var around = template.Split(PpoPromptSettings.Hole);
        return prompt =>
        {
            var ids = new List<int>();
            tokenizer.EncodeMarkup(around[0], isData: null, ids);
            tokenizer.EncodeBehind(prompt, ids);
            tokenizer.EncodeMarkup(around[1], isData: null, ids);
            return tokenizer.Opened([.. ids]);
        };
    }

    /// <summary>Texts whose pieces PPO-ptx learns: at most so many tokens each, documents apart.</summary>
    public static PretrainingSource? Pretraining(PpoPretrainingSettings settings, Tokenizer tokenizer)
    {
        if (settings.Data.Count == 0)
            return null;
        var files = settings.Data.SelectMany(source => source.Documents()).ToArray();
        DataSource.CheckAll(files);
        var builder = new RowBuilder(tokenizer, new() { Longest = int.MaxValue, AddEnd = tokenizer.EndId is not null });
        int[][] pieces = [.. files.SelectMany(file => file).SelectMany(document => builder.Whole(document).Ids.Chunk(settings.Length)).Where(ids => ids.Length > 1)];
        if (pieces.Length == 0)
            throw new InputException("The recipe", [Problem.Of("pretraining.data", "has no text of two tokens", "some text", "name another file")]);
        return seed => [.. Enumerable.Range(0, settings.Rows).Select(row => pieces[seed.For("pretraining").Below(pieces.Length, row)])];
    }

    private static (List<int[]> Prompts, int Shortened, int Dropped) Encode(string[] texts, PpoPromptSettings settings, Tokenizer tokenizer)
    {
        var encode = Encoder(settings.Template, tokenizer);
        var (prompts, shortened, dropped) = (new List<int[]>(), 0, 0);
        foreach (var text in texts)
        {
            var ids = encode(text);
            if (ids.Length == 0 || (ids.Length > settings.MaximumTokens && settings.DropLonger))
                dropped++;
            else if (ids.Length <= settings.MaximumTokens)
                prompts.Add(ids);
            else
            {
                prompts.Add(ids[^settings.MaximumTokens..]);
                shortened++;
            }
        }

        return (prompts, shortened, dropped);
    }
}
