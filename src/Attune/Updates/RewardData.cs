using Attune.Feedback;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>A comparison to report on.</summary>
/// <param name="Tokens">As the model reads it.</param>
/// <param name="Text">As baselines read it.</param>
/// <param name="From">Where it comes from.</param>
internal sealed record HeldOutPair(PreferenceExample Tokens, TextPair Text, PreferenceText From)
{
    /// <summary>Comparisons that share it are not independent.</summary>
    public string Cluster { get; } = From.Cluster;
}

/// <summary>
/// Comparisons of a recipe, split and as tokens. The same files and settings give the same lists in the same order. Not here: order of
/// training (the trainer's), which files are right (<see cref="PreferenceSource"/>).
/// </summary>
internal sealed record RewardData
{
    /// <summary>To learn from.</summary>
    public required IReadOnlyList<RewardExample> Training { get; init; }

    /// <summary>The same as pairs of texts, for the bag of words.</summary>
    public required IReadOnlyList<TextPair> TrainingTexts { get; init; }

    /// <summary>Prompts of what is learnt from, each once, in the order of the files.</summary>
    public required IReadOnlyList<string> TrainingPrompts { get; init; }

    /// <summary>To look at during training; may be empty.</summary>
    public required IReadOnlyList<PreferenceExample> Validation { get; init; }

    /// <summary>To report on.</summary>
    public required IReadOnlyList<HeldOutPair> Test { get; init; }

    /// <summary>What was left out, by reason.</summary>
    public required IReadOnlyDictionary<string, long> Dropped { get; init; }

    /// <summary>Answers that lost tokens of themselves or their prompt.</summary>
    public required long Shortened { get; init; }

    /// <summary>Tokens of all answers with their prompts, as often as training reads them in an epoch.</summary>
    public long TrainingTokens => Training.Sum(e => e.Sequences.Sum(s => (long)s.Length));

    /// <summary>Tokens of the longest answer with its prompt.</summary>
    public int LongestSequence => Training.SelectMany(e => e.Sequences).Concat(Test.SelectMany(p => p.Tokens.Sequences)).Max(s => s.Length);

    /// <summary>Splits and encodes.</summary>
    /// <param name="texts">What the files say.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="settings">How; <see cref="RewardDataSettings.Longest"/> is set.</param>
    /// <param name="seed">Decides which comparisons are learnt from where there are more than wanted.</param>
    /// <param name="stop">Asks to stop; nothing is kept.</param>
    public static RewardData Of(RewardTexts texts, Tokenizer tokenizer, RewardDataSettings settings, Seed seed, CancellationToken stop)
    {
        var rows = new RowBuilder(tokenizer, new() { Longest = settings.Longest!.Value, Overlong = OverlongRule.CutStart, AddEnd = settings.AddEnd });
        var dropped = new SortedDictionary<string, long>(texts.Dropped.ToDictionary(), StringComparer.Ordinal);
        var (training, learnt) = (new List<RewardExample>(), new List<PreferenceText>());
        foreach (var text in Drawn(texts.Training, settings.Most, seed.For("most")))
        {
            stop.ThrowIfCancellationRequested();
            var (example, whyNot) = Example(text, settings, rows);
            if (example is null)
            {
                dropped[whyNot] = dropped.GetValueOrDefault(whyNot) + 1;
                continue;
            }

            training.Add(example);
            learnt.Add(text);
        }

        var evaluated = new Seed(0); // the same comparisons whatever the run's seed, so that runs can be set side by side
        return new()
        {
            Training = training,
            TrainingTexts = [.. learnt.SelectMany(text => Pairs(text).Select(pair => pair.Text))],
            TrainingPrompts = [.. learnt.Select(text => text.Prompt).Distinct(StringComparer.Ordinal)],
            Validation = [.. Held(texts.Validation, "validation").Select(pair => pair.Tokens)],
            Test = [.. Held(texts.Test, "test")],
            Dropped = dropped,
            Shortened = rows.Shortened,
        };

        IEnumerable<HeldOutPair> Held(IReadOnlyList<PreferenceText> from, string purpose)
        {
            foreach (var text in Drawn(from, settings.MostEvaluated, evaluated.For(purpose)))
            {
                stop.ThrowIfCancellationRequested();
                if (Sequences(text, rows) is not { } ids)
                    continue;
                foreach (var (better, worse, pair) in Pairs(text))
                    yield return new(new(ids[better], ids[worse]) { PChosen = text.PChosen, AnnotatorGroup = text.Group }, pair, text);
            }
        }
    }

    /// <summary>So many of the rows, in their order.</summary>
    private static IEnumerable<PreferenceText> Drawn(IReadOnlyList<PreferenceText> rows, int? most, Seed seed) =>
        most is not { } count || count >= rows.Count ? rows : seed.Permutation(rows.Count).Take(count).Order().Select(k => rows[k]);

    private static (RewardExample? Example, string WhyNot) Example(PreferenceText text, RewardDataSettings settings, RowBuilder rows)
    {
        if (!settings.SoftLabels && text.PChosen == 0.5)
            return (null, "no majority");
        if (text.Ranks.Distinct().Count() == 1)
            return (null, "all answers level");
        if (!text.IsPair && settings.Rankings == RankingUse.BestOf && text.Ranks.Count(rank => rank == text.Ranks.Min()) > 1)
            return (null, "no single best answer");
        if (Sequences(text, rows) is not { } ids)
            return (null, "an answer without tokens");
        if (text.IsPair && ids[0].AsSpan().SequenceEqual(ids[1]))
            return (null, "equal once cut");
        if (!text.IsPair)
            return (settings.Rankings == RankingUse.AllPairs ? new RankingExample(ids, text.Ranks) : new ChoiceExample(ids, text.Ranks.ToList().IndexOf(text.Ranks.Min())), "");
        var (better, worse) = text.Ranks[0] < text.Ranks[1] ? (0, 1) : (1, 0);
        var strength = settings.StrengthScale * (text.Strength ?? double.NaN); // not a number where nobody said
        return (new PreferenceExample(ids[better], ids[worse])
        {
            PChosen = settings.SoftLabels ? text.PChosen : null,
            Margin = settings.Strength == StrengthUse.Margin && double.IsFinite(strength) ? strength : null,
            Strength = settings.Strength == StrengthUse.Weight && double.IsFinite(strength) ? Math.Max(0, strength) : 1,
        }, "");
    }

    private static int[][]? Sequences(PreferenceText text, RowBuilder rows)
    {
        var ids = text.Answers.Select(answer => rows.Of(new PromptResponse(text.Prompt, answer))?.Ids).ToArray();
        return Array.Exists(ids, one => one is null) ? null : [.. ids.OfType<int[]>()];
    }

    private static IEnumerable<(int Better, int Worse, TextPair Text)> Pairs(PreferenceText text) =>
        from better in Enumerable.Range(0, text.Answers.Count)
        from worse in Enumerable.Range(0, text.Answers.Count)
        where text.Ranks[better] < text.Ranks[worse]
        select (better, worse, new TextPair(text.Answers[better], text.Answers[worse], text.PChosen ?? 1, text.ChosenShownFirst));
}

/// <summary>What the files of a recipe say, split by prompt; see docs/algorithms/reward-model.md.</summary>
/// <param name="Training">To learn from.</param>
/// <param name="Validation">To look at during training.</param>
/// <param name="Test">To report on.</param>
/// <param name="Dropped">What was left out, by reason.</param>
internal sealed record RewardTexts(
    IReadOnlyList<PreferenceText> Training, IReadOnlyList<PreferenceText> Validation, IReadOnlyList<PreferenceText> Test, IReadOnlyDictionary<string, long> Dropped)
{
    /// <summary>Reads every file to its end, adding what is wrong to the problems.</summary>
    public static RewardTexts Read(RewardRecipe recipe, InputProblems problems)
    {
        var dropped = new SortedDictionary<string, long>(StringComparer.Ordinal);
        var given = recipe.Preferences.SelectMany(source => problems.Try(() => source.Read(dropped)) ?? []).ToList();
        var evaluation = recipe.Evaluation.SelectMany(source => problems.Try(() => source.Read(dropped)) ?? []).ToList();
        var isSplit = recipe.Evaluation.Count == 0;
        var parts = given.ToLookup(text => !isSplit ? DataPart.Train : text.IsHeldOutPrompt ? DataPart.Test : HashSplit.Of(text.Cluster));
        var learnable = parts[DataPart.Train].Where(text => !text.IsHeldOut).ToList();
        if (parts[DataPart.Train].Count() - learnable.Count is > 0 and var heldOut)
            dropped["held out from training"] = heldOut;
        var test = isSplit ? parts[DataPart.Test].ToList() : evaluation;
        if (given.Count > 0 && learnable.Count == 0)
            problems.Add(Problem.Of("preferences", $"leave 0 of {given.Count} comparisons to learn from", "at least one", "check which are held out, or name more files"));
        if (given.Count > 0 && isSplit && test.Count == 0)
            problems.Add(Problem.Of("preferences", $"leave 0 of {given.Count} comparisons to report on", "at least one: a tenth of the prompts", "name more files, or others under evaluation"));
        return new(learnable, [.. parts[DataPart.Dev].Where(text => !text.IsHeldOut)], test, dropped);
    }

    /// <summary>Prompts that are both learnt from and reported on.</summary>
    public int SharedPrompts => Training.Select(text => text.Cluster).Intersect(Test.Select(text => text.Cluster), StringComparer.Ordinal).Count();
}
