using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Feedback.Quality;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary><c>attune rules</c>: whom a file of rules would have hit in a log, when and why. It changes nothing.</summary>
internal static class RulesVerb
{
    private const int MostShown = 50;

    public static Verb Create(ConsoleOutput output)
    {
        var rules = new Argument<string>("rules") { Description = "The file of rules, YAML" };
        var judgments = new Option<string>("--judgments") { Description = "The judgments.jsonl to replay", HelpName = "FILE", Required = true };
        var tasks = new Option<string>("--tasks") { Description = "What is known of tasks: golden answers, repeats, kinds; JSON Lines", HelpName = "FILE" };
        var facts = new Option<string>("--facts") { Description = "What is known of judgments: active time, pasted characters, texts; JSON Lines", HelpName = "FILE" };
        var skips = new Option<string>("--skips") { Description = "Tasks left without an answer; JSON Lines", HelpName = "FILE" };
        var verb = new Verb("rules", "Show whom rules of quality control would have hit, when and why; changes nothing.",
            "attune rules data/quality-rules.yaml --judgments runs/quickstart/round-1/judgments.jsonl")
        {
            rules, judgments, tasks, facts, skips, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, _) =>
        {
            var problems = new InputProblems("attune rules");
            var set = problems.Try(() => RuleSet.Load(parsed.GetRequiredValue(rules)));
            var input = problems.Try(() => QualityInput.Read(parsed.GetRequiredValue(judgments), parsed.GetValue(tasks), parsed.GetValue(facts), parsed.GetValue(skips)));
            problems.ThrowIfAny();
            var outcome = RuleEngine.Replay(set!, input!);
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(Document(set!, input!, outcome));
            else
                Show(output, set!, input!, outcome);
        });
    }

    private static object Document(RuleSet set, QualityInput input, RuleOutcome outcome)
    {
        var history = QualityHistory.Of(input, set.Measures);
        return new
        {
            judgments = input.Judgments.Count,
            skips = input.Skips.Count,
            rules = set.Rules.Select(rule => new { rule.Name, firings = outcome.Firings.Count(firing => firing.Rule == rule.Name) }),
            outcome.Firings,
            outcome.Prevented,
            annotators = history.Annotators.Select(annotator => new { annotatorId = annotator, measures = history.MeasureAll(annotator) }),
        };
    }

    private static void Show(ConsoleOutput output, RuleSet set, QualityInput input, RuleOutcome outcome)
    {
        if (outcome.Firings.Count > 0)
        {
            var table = new TextTable("Rules that would have fired", "when", "annotator", "rule", "actions", "why");
            foreach (var firing in outcome.Firings.Take(MostShown))
            {
                table.Row(firing.At.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), Printable.Text(firing.AnnotatorId), Printable.Text(firing.Rule),
                    string.Join(", ", firing.Actions.Select(action => Describe(action, firing))), firing.Why);
            }
            output.Table(table);
            if (outcome.Firings.Count > MostShown)
                output.Line($"{Number(outcome.Firings.Count - MostShown)} more; --json has them all.");
        }
        foreach (var rule in set.Rules.Where(rule => outcome.Firings.All(firing => firing.Rule != rule.Name)))
            output.Line($"{Printable.Text(rule.Name)} would have hit nobody.");
        var people = outcome.Firings.Select(firing => firing.AnnotatorId).Distinct().Count();
        output.Line($"In {Number(input.Judgments.Count)} judgments the rules would have fired {Times(outcome.Firings.Count)}, for {Number(people)} {(people == 1 ? "annotator" : "annotators")}; "
            + $"{Number(outcome.Prevented.Values.Sum())} judgments would not have been given.");
    }

    private static string Describe(RuleAction action, Firing firing) => action.Do switch
    {
        ActionKind.SetSkill => $"set {action.Skill} to {(firing.Skill is { } value ? $"{value} %" : "nothing: not measured")}",
        ActionKind.Warn => "warn",
        ActionKind.Pause => $"pause {Hours(action)}",
        ActionKind.Ban => $"ban {(action.Hours is null ? "for good" : Hours(action))} ({(action.Scope ?? BanScope.Project).ToString().ToLowerInvariant()})",
        ActionKind.RaiseOverlap => $"{action.By} more on {firing.Comparisons.Count} tasks",
        ActionKind.Bonus => $"bonus {action.Amount?.ToString(CultureInfo.InvariantCulture)}",
        _ => $"reject {firing.Evidence.Count}, appeal within {action.AppealDays ?? 7} days",
    };

    private static string Hours(RuleAction action) => $"{action.Hours?.ToString("0.##", CultureInfo.InvariantCulture)} h";

    private static string Times(int count) => count == 1 ? "once" : $"{Number(count)} times";

    private static string Number(int value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
