using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Feedback.Aggregation;
using Attune.Runs;
using static Attune.Cli.Verbs.LabelVerbs;

namespace Attune.Cli.Verbs;

/// <summary><c>attune aggregate --labels</c>: labels or scores out of a table, by any method.</summary>
internal static class LabelAggregation
{
    private static readonly Option<string> Method = Of<string>("--method", $"{string.Join(", ", AggregationMethod.All.Select(method => method.Name))}; auto without it for labels, bradley-terry for comparisons", "NAME");
    private static readonly Option<AggregationMode> Mode = Of<AggregationMode>("--mode", "correct is the method of the paper and usual, compatible gives the published numbers", "correct|compatible");
    private static readonly Option<int?> Iterations = Of<int?>("--iterations", "the most iterations", "N");
    private static readonly Option<double?> Tolerance = Of<double?>("--tolerance", "stops when the objective gains less, or the values change less; 0 does all iterations", "X");
    private static readonly Option<string> Gold = Of<string>("--gold", "CSV file with the columns task,truth: tasks whose truth the method may use", "FILE");
    private static readonly Option<string> TruthFile = Of<string>("--truth", "CSV file with the columns task,truth: what the result is measured against", "FILE");
    private static readonly Option<uint?> Seed = Of<uint?>("--seed", "decides random starts and the draws of --bootstrap; 0 without it", "N");
    private static readonly Option<double?> PriorRight = Of<double?>("--prior-right", "right answers of each label that a worker is taken to have given before (dawid-skene)", "X");
    private static readonly Option<double?> PriorWrong = Of<double?>("--prior-wrong", "wrong answers of each kind that a worker is taken to have given before (dawid-skene)", "X");
    private static readonly Option<double?> PriorTasks = Of<double?>("--prior-tasks", "tasks of each label that are taken to have been seen before (dawid-skene)", "X");
    private static readonly Option<string> Start = Of<string>("--start", "an earlier result of dawid-skene to go on from, written by --out FILE.json; --labels holds old and new labels", "FILE");
    private static readonly Option<string> Ties = Of<string>("--ties", "half: half a win each; davidson: an outcome of their own (bradley-terry)", "half|davidson");
    private static readonly Option<string> CovariateNames = Of<string>("--covariates", "side, length or both (bradley-terry); length reads the columns left_length,right_length", "side,length");
    private static readonly Option<int?> Rounds = Of<int?>("--bootstrap", "resamples behind an interval of each score (bradley-terry, elo, win-rate, counting)", "N");

    private static readonly (Option Option, MethodSettingKinds Kind)[] Optional =
    [
        (Iterations, MethodSettingKinds.Iterations), (Tolerance, MethodSettingKinds.Tolerance), (Gold, MethodSettingKinds.Gold), (Seed, MethodSettingKinds.Seed),
        (PriorRight, MethodSettingKinds.Prior), (PriorWrong, MethodSettingKinds.Prior), (PriorTasks, MethodSettingKinds.Prior), (Start, MethodSettingKinds.Start),
        (Ties, MethodSettingKinds.Ties), (CovariateNames, MethodSettingKinds.Covariates), (Rounds, MethodSettingKinds.Intervals),
    ];

    public static IReadOnlyList<Option> Options { get; } = [Method, Mode, .. Optional.Select(one => one.Option), TruthFile];

    private static Option<T> Of<T>(string name, string description, string value) => new(name) { Description = "Of --labels: " + description, HelpName = value };

    public static void Run(ConsoleOutput output, ParseResult parsed, Option<string> to)
    {
        var (file, outFile) = (parsed.GetValue(Labels)!, parsed.GetValue(to));
        var problems = new InputProblems("attune aggregate");
        var columns = problems.Try(() => CsvFile.Header(file));
        var method = columns is null ? null : Chosen(parsed, columns, file, problems);
        if (method is not null)
            CheckUse(parsed, method, problems);
        var settings = Settings(parsed, problems);
        var truth = problems.Try(TruthFile.Name, () => parsed.GetValue(TruthFile) is { } named ? Truth.Read(named) : null!);
        CheckOut(parsed, to, problems);
        if (!problems.AreNone)
            problems.ThrowIfAny();
        if (outFile is not null)
            AtomicFile.RequireWritable(Path.GetDirectoryName(Path.GetFullPath(outFile))!);

        var report = method!.OfLabels is { } aggregate ? OfLabels(method.Name, aggregate, file, settings, truth) : OfPairs(method, columns!, file, settings);
        if (outFile is not null)
            report.Write(outFile);
        if (parsed.GetValue(CommonOptions.Json))
            output.Json(report);
        else
            AggregationTables.Show(output, file, report, outFile);
    }

    private static AggregationReport OfLabels(string name, Func<LabelSet, MethodSettings, AggregationResult> aggregate, string file, MethodSettings settings, Truth? truth)
    {
        var data = LabelSet.Read(file);
        settings.Gold?.RequireOf(data);
        truth?.RequireOf(data);
        var chosen = name == "auto" ? $"auto: {(Auto.LearnsConfusions(data) ? "dawid-skene" : "majority-vote")}" : name;
        return AggregationReport.Of(chosen, settings.Mode, aggregate(data, settings), truth);
    }

    private static AggregationReport OfPairs(AggregationMethod method, IReadOnlyList<string> columns, string file, MethodSettings settings)
    {
        if (columns.Contains("ranking") && method.OfRankings is { } rank)
        {
            var rankings = RankingFile.Read(file);
            return AggregationReport.Of(method.Name, settings.Mode, rank(rankings, settings), rankings.Count, null);
        }
        var data = ComparisonSet.Read(file, method.ReadsWorkers, settings.Covariates.HasFlag(Covariates.Length));
        return AggregationReport.Of(method.Name, settings.Mode, method.OfComparisons!(data, settings), data.Count, data.Workers);
    }

    /// <summary>The method that is named, if its columns are there; without a name the usual one of the columns.</summary>
    private static AggregationMethod? Chosen(ParseResult parsed, IReadOnlyList<string> columns, string file, InputProblems problems)
    {
        var areLabels = columns.Contains("task") && columns.Contains("label");
        var arePairs = columns.Contains("left") && columns.Contains("right");
        if (!areLabels && !arePairs && !columns.Contains("ranking"))
        {
            problems.Add(Problem.Of(file, $"has the columns {string.Join(",", columns)}", "task,worker,label, or worker,left,right,winner, or ranking", "name the columns in the first line"));
            return null;
        }
        var name = parsed.GetValue(Method) ?? (areLabels ? "auto" : arePairs ? "bradley-terry" : "plackett-luce");
        if (AggregationMethod.All.FirstOrDefault(method => method.Name == name) is not { } found)
        {
            var near = NearestName.To(name, [.. AggregationMethod.All.Select(method => method.Name)]);
            problems.Add(Problem.Of(Method.Name, $"is {name}", string.Join("; ", AggregationMethod.All.GroupBy(method => method.Columns).Select(group => $"of the columns {group.Key}: {string.Join(", ", group.Select(method => method.Name))}")),
                near is null ? "name one of these" : $"did you mean {near}?"));
            return null;
        }
        var fits = found.OfLabels is not null ? areLabels : arePairs || (found.OfRankings is not null && columns.Contains("ranking"));
        if (!fits)
        {
            var others = AggregationMethod.All.Where(method => method.OfLabels is not null == areLabels).Select(method => method.Name);
            problems.Add(Problem.Of(Method.Name, $"is {name}, and {file} has the columns {string.Join(",", columns)}", $"the columns {found.Columns}", $"for this file take one of {string.Join(", ", others)}"));
        }
        return found;
    }

    private static void CheckUse(ParseResult parsed, AggregationMethod method, InputProblems problems)
    {
        foreach (var (option, kind) in Optional.Where(one => parsed.GetResult(one.Option) is { Implicit: false } && !method.Takes.HasFlag(one.Kind)))
        {
            var users = AggregationMethod.All.Where(other => other.Takes.HasFlag(kind)).Select(other => other.Name);
            problems.Add(Problem.Of(option.Name, $"stands beside {method.Name}, which does not use it", $"one of the methods that do: {string.Join(", ", users)}", "leave it out, or take another method"));
        }
        if (parsed.GetValue(TruthFile) is not null && method.OfLabels is null)
            problems.Add(Problem.Of(TruthFile.Name, $"stands beside {method.Name}, which gives scores", "a method that gives labels", "leave it out"));
        if (method.NeedsGold && parsed.GetValue(Gold) is null)
            problems.Add(Problem.Of(Gold.Name, "is missing", $"a CSV file with the columns task,truth, which {method.Name} weighs workers by", "name it, or take another method"));
        if (!method.HasCompatibleMode && parsed.GetValue(Mode) == AggregationMode.Compatible)
            problems.Add(Problem.Of(Mode.Name, $"is compatible beside {method.Name}", "correct", "the library's numbers come of a wrong gradient and are no target"));
    }

    private static MethodSettings Settings(ParseResult parsed, InputProblems problems)
    {
        double AtLeastNothing(Option<double?> option)
        {
            if (parsed.GetValue(option) is { } value && !(value is >= 0 and <= 1e30))
                problems.Add(Problem.Of(option.Name, $"is {value.ToString(CultureInfo.InvariantCulture)}", "a number from 0 to 1e30", "leave it out for the usual value"));
            return parsed.GetValue(option) ?? 0;
        }
        AtLeastNothing(Tolerance);
        if (parsed.GetValue(Iterations) is < 1)
            problems.Add(Problem.Of(Iterations.Name, $"is {parsed.GetValue(Iterations)}", "at least 1", "leave it out for the usual number"));
        if (parsed.GetValue(Rounds) is < 0 or > 100_000)
            problems.Add(Problem.Of(Rounds.Name, $"is {parsed.GetValue(Rounds)}", "from 0 to 100000", "1000 is usual"));
        if (parsed.GetValue(Ties) is { } ties && ties is not ("half" or "davidson"))
            problems.Add(Problem.Of(Ties.Name, $"is {ties}", "half or davidson", "half is usual"));
        var covariates = Covariates.None;
        foreach (var name in parsed.GetValue(CovariateNames)?.Split(',') ?? [])
        {
            covariates |= name switch { "side" => Covariates.Side, "length" => Covariates.Length, _ => Covariates.None };
            if (name is not ("side" or "length"))
                problems.Add(Problem.Of(CovariateNames.Name, $"is {name}", "side, length, or side,length", "correct it"));
        }
        return new()
        {
            Mode = parsed.GetValue(Mode),
            Iterations = parsed.GetValue(Iterations),
            Tolerance = parsed.GetValue(Tolerance),
            Gold = problems.Try(Gold.Name, () => parsed.GetValue(Gold) is { } file ? Truth.Read(file) : null!),
            Seed = parsed.GetValue(Seed) ?? 0,
            PriorRight = AtLeastNothing(PriorRight),
            PriorWrong = AtLeastNothing(PriorWrong),
            PriorTasks = AtLeastNothing(PriorTasks),
            Start = problems.Try(Start.Name, () => parsed.GetValue(Start) is { } file ? AggregationReport.ReadFit(file) : null!),
            Ties = parsed.GetValue(Ties) == "davidson" ? TieModel.Davidson : TieModel.HalfWin,
            Covariates = covariates,
            IntervalRounds = parsed.GetValue(Rounds) ?? 0,
        };
    }

    private static void CheckOut(ParseResult parsed, Option<string> to, InputProblems problems)
    {
        if (parsed.GetValue(to) is not { } file)
            return;
        if (!file.EndsWith(".csv", StringComparison.OrdinalIgnoreCase) && !file.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            problems.Add(Problem.Of(to.Name, $"is {file}", "a name that ends with .csv or .json", "add one of them"));
        else if (Directory.Exists(file))
            problems.Add(Problem.Of(to.Name, $"is {file}, a folder", "a file to write", "name a file in it"));
        string?[] read = [parsed.GetValue(Labels), parsed.GetValue(Gold), parsed.GetValue(TruthFile)];
        if (read.OfType<string>().Any(one => Path.GetFullPath(one) == Path.GetFullPath(file)))
            problems.Add(Problem.Of(to.Name, $"is {file}, which is read", "another file than those read", "choose another --out"));
    }
}
