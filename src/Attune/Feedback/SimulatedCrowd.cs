using System.Globalization;
using System.Text.Json.Serialization;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Feedback;

/// <summary>A calibrated crowd as it is stored in <c>crowd.json</c>: with the word lists, everything needed to judge again.</summary>
/// <param name="Seed">The seed in hexadecimal.</param>
/// <param name="Agreement">What honest annotators of a group were calibrated to agree on.</param>
/// <param name="CalibrationPairs">How many pairs of answers that was measured on.</param>
/// <param name="TieWithin">Perceived differences below this are ties.</param>
/// <param name="SecondsPerWord">Reading time.</param>
/// <param name="InstructionVersion">The version judgments carry.</param>
/// <param name="Members">The annotators.</param>
public sealed record CrowdRecord(
    string Seed, double Agreement, int CalibrationPairs, double TieWithin, double SecondsPerWord, string InstructionVersion, IReadOnlyList<CrowdMember> Members)
{
    [JsonIgnore]
    internal Seed SeedValue => new(ulong.Parse(Seed, NumberStyles.HexNumber, CultureInfo.InvariantCulture));

    /// <summary>What no calibration writes: such numbers would make every utility NaN or every vote one-sided, unnoticed.</summary>
    internal IEnumerable<Problem> Problems()
    {
        const string restore = "restore the file, or calibrate the crowd again";
        if (!ulong.TryParse(Seed, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out _))
            yield return Problem.Of("seed", $"is '{Seed}'", "up to sixteen hexadecimal digits", restore);
        foreach (var (id, count) in Members.CountBy(member => member.Id).Where(entry => entry.Value > 1))
            yield return Problem.Of("members", $"has {count} of the id {id}", "an id for each", restore);
        for (var i = 0; i < Members.Count; i++)
        {
            var (key, member) = ($"members[{i}]", Members[i]);
            var (taste, mean, spread) = (member.Taste, member.Scale.Mean, member.Scale.Spread);
            (string Key, double Value)[] finite =
            [
                ("taste.positivity", taste.Positivity), ("taste.repetition", taste.Repetition), ("taste.length", taste.Length), ("taste.fluency", taste.Fluency), ("taste.fluentEnough", taste.FluentEnough),
                ("scale.mean.positivity", mean.Positivity), ("scale.mean.repetition", mean.Repetition), ("scale.mean.lengthError", mean.LengthError), ("scale.mean.fluency", mean.Fluency),
            ];
            (string Key, double Value)[] positive =
            [
                ("noise", member.Noise), ("taste.preferredWords", taste.PreferredWords),
                ("scale.spread.positivity", spread.Positivity), ("scale.spread.repetition", spread.Repetition), ("scale.spread.lengthError", spread.LengthError), ("scale.spread.fluency", spread.Fluency),
            ];
            foreach (var (name, value) in finite.Where(entry => !double.IsFinite(entry.Value)))
                yield return Problem.Of($"{key}.{name}", $"is {value}", "a finite number", restore);
            foreach (var (name, value) in positive.Where(entry => !(entry.Value > 0 && double.IsFinite(entry.Value))))
                yield return Problem.Of($"{key}.{name}", $"is {value}", "a number above 0", restore);
            foreach (var problem in member.Vices.Problems($"{key}.vices"))
                yield return problem;
        }
    }
}

/// <summary>
/// Annotators made up for quick starts and tests. Held-out ones differ from training ones in their weights and know the other half of the word
/// list, so that evaluation is not the training signal again. Not here: annotators who learn or tire.
/// </summary>
public sealed class SimulatedCrowd
{
    private SimulatedCrowd(CrowdRecord record, Valence valence, Func<string, string, double>? fluency)
    {
        Record = record;
        var known = Enum.GetValues<AnnotatorGroup>().ToDictionary(group => group, group => KnownTo(group, valence, record.SeedValue));
        Judges = record.Members.Select(member => new SimulatedAnnotator(member, record, known[member.Group], fluency)).ToArray();
    }

    /// <summary>What is stored.</summary>
    public CrowdRecord Record { get; }

    /// <summary>Everyone.</summary>
    public IReadOnlyList<SimulatedAnnotator> Judges { get; }

    /// <summary>Draws who is held out, before anything else is drawn or trained.</summary>
    public static Annotators Recruit(CrowdOptions options, Seed seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        var problems = options.Check().ToList();
        if (problems.Count > 0)
            throw new InputException("The crowd", problems);
        var ids = Enumerable.Range(1, options.Training + options.HeldOut).Select(i => $"annotator-{i:00}").ToArray();
        return Annotators.Split(ids, options.HeldOut, seed);
    }

    /// <summary>Gives annotators their tastes and vices, and measures scales and noise on pairs of answers from the supervised model.</summary>
    /// <param name="options">Who is in the crowd.</param>
    /// <param name="annotators">From <see cref="Recruit"/>, or as stored.</param>
    /// <param name="pairs">Comparisons between answers of the same supervised model; the first two answers of each count.</param>
    /// <param name="valence">The whole word list.</param>
    /// <param name="seed">Decides tastes, halves of the list and, later, judgments.</param>
    /// <param name="fluency">Mean log-probability of (prompt, answer) under the base model, for answers that do not carry it.</param>
    public static SimulatedCrowd Calibrate(CrowdOptions options, Annotators annotators, IReadOnlyList<Comparison> pairs, Valence valence, Seed seed,
        Func<string, string, double>? fluency = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(annotators);
        ArgumentNullException.ThrowIfNull(pairs);
        if (pairs.Count == 0)
            throw new ArgumentException("There are no pairs to calibrate the crowd on; give at least some dozens.", nameof(pairs));
        var members = new List<CrowdMember>();
        foreach (var group in Enum.GetValues<AnnotatorGroup>())
        {
            var known = KnownTo(group, valence, seed);
            var drafts = annotators.Of(group).Select(person => Draft(person, options, seed)).ToList();
            if (group == AnnotatorGroup.Training)
                drafts = WithVices(drafts, options.Bad, seed);
            var fluencyMatters = drafts.Exists(member => member.Taste.Fluency != 0);
            AnswerMeasures Measures(Comparison pair, int answer) => SimulatedAnnotator.Measure(pair.Prompt, pair[answer], known, fluency, fluencyMatters);
            var read = pairs.Select(pair => (Measures(pair, 0), Measures(pair, 1))).ToList();
            var measured = drafts.ConvertAll(member => Scaled(member, read));
            var honest = measured.Where(member => !member.Member.Vices.Any).Select(member => member.Differences).ToList();
            var noise = honest.Count == 0 ? 1 : CrowdCalibration.Noise(honest, options.Agreement);
            members.AddRange(measured.Select(member => member.Member with { Noise = noise }));
        }
        var inOrder = annotators.People.Select(person => members.Single(member => member.Id == person.Id)).ToArray();
        var record = new CrowdRecord($"{seed.Value:x16}", options.Agreement, pairs.Count, options.TieWithin, options.SecondsPerWord, options.InstructionVersion, inOrder);
        return new(record, valence, fluency);
    }

    /// <summary>The crowd that was stored.</summary>
    /// <exception cref="InputException">It is missing, does not read, or holds numbers that no calibration writes; lists every problem.</exception>
    public static SimulatedCrowd Load(string path, Valence valence, Func<string, string, double>? fluency = null)
    {
        var record = FeedbackFile.Read(path, FeedbackFile.Document.CrowdRecord);
        var problems = record.Problems().ToList();
        if (problems.Count > 0)
            throw new InputException(path, problems);
        return new(record, valence, fluency);
    }

    /// <summary>Writes <c>crowd.json</c>.</summary>
    public void Save(string path) => FeedbackFile.Write(path, Record, FeedbackFile.Document.CrowdRecord);

    /// <summary>The annotators of one group.</summary>
    public IReadOnlyList<SimulatedAnnotator> Of(AnnotatorGroup group) => Judges.Where(judge => judge.Member.Group == group).ToList();

    /// <summary>
    /// Judgments on each comparison by different annotators of a group. Who judges is drawn from (seed, comparison); the first sees view 0,
    /// the next view 1, so that with two answers the sides swap from one judge to the next.
    /// </summary>
    /// <param name="comparisons">What to judge.</param>
    /// <param name="group">Who judges.</param>
    /// <param name="votes">How many of them judge each comparison.</param>
    public IReadOnlyList<Judgment> Collect(IReadOnlyList<Comparison> comparisons, AnnotatorGroup group, int votes)
    {
        ArgumentNullException.ThrowIfNull(comparisons);
        var judges = Of(group);
        if (votes < 1 || votes > judges.Count)
            throw new ArgumentOutOfRangeException(nameof(votes), votes, $"Expected 1 to {judges.Count}, the number of {group} annotators.");
        var assignment = Record.SeedValue.For("assignment");
        return comparisons.SelectMany(comparison =>
            assignment.For(comparison.Id).Permutation(judges.Count).Take(votes).Select((judge, view) => judges[judge].Judge(comparison, view))).ToArray();
    }

    private static Valence KnownTo(AnnotatorGroup group, Valence valence, Seed seed) =>
        valence.Half(seed, group == AnnotatorGroup.Training ? ListHalf.Training : ListHalf.HeldOut);

    private static CrowdMember Draft(Annotator person, CrowdOptions options, Seed seed)
    {
        var draws = seed.For("taste").For(person.Id);
        double Vary(double value, int row) => value * Math.Exp(options.Variation * draws.Normal(row));
        var common = person.Group == AnnotatorGroup.Training ? options.TrainingTaste : options.HeldOutTaste;
        var taste = new Taste
        {
            Positivity = Vary(common.Positivity, 0),
            Repetition = Vary(common.Repetition, 1),
            Length = Vary(common.Length, 2),
            Fluency = Vary(common.Fluency, 3),
            FluentEnough = common.FluentEnough,
            PreferredWords = Vary(common.PreferredWords, 4),
        };
        return new(person.Id, person.Group, taste, new(), new(default, default), 1);
    }

    private static List<CrowdMember> WithVices(List<CrowdMember> members, IReadOnlyList<Vices> bad, Seed seed)
    {
        if (bad.Count >= members.Count)
            throw new ArgumentException($"There are {bad.Count} bad annotators among {members.Count} for training, expected at least one honest one; give fewer vices.", nameof(bad));
        var who = seed.For("vices").Permutation(members.Count);
        for (var i = 0; i < bad.Count; i++)
            members[who[i]] = members[who[i]] with { Vices = bad[i] };
        return members;
    }

    private static (CrowdMember Member, double[] Differences) Scaled(CrowdMember member, List<(AnswerMeasures First, AnswerMeasures Second)> pairs)
    {
        var felt = pairs.ConvertAll(pair => (First: pair.First.For(member.Taste), Second: pair.Second.For(member.Taste)));
        var scale = FeatureScale.Of(felt.SelectMany(pair => new[] { pair.First, pair.Second }).ToList());
        var differences = felt.Select(pair => scale.Utility(member.Taste, pair.First) - scale.Utility(member.Taste, pair.Second)).ToArray();
        return (member with { Scale = scale }, differences);
    }
}
