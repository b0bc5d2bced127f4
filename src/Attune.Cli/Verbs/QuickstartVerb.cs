using System.CommandLine;
using Attune.Cli.Output;
using Attune.Evaluation;
using Attune.Loop;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary>Who judges what a quick start's reward model learns from.</summary>
internal enum AnnotatorKind
{
    /// <summary>The simulated crowd.</summary>
    Crowd,

    /// <summary>Whoever sits before the browser.</summary>
    Me,
}

/// <summary><c>attune quickstart</c>: the whole way once.</summary>
internal static class QuickstartVerb
{
    private const string UsualFolder = "runs/quickstart";

    private static readonly Option<Budget> BudgetOption = new("--budget") { Description = "How much work: small, standard or large", DefaultValueFactory = _ => Budget.Standard };
    private static readonly Option<int> SeedOption = new("--seed") { Description = "Decides everything that is drawn; same seed, same result", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> RoundsOption = new("--rounds") { Description = "Rounds in all; each collects fresh judgments on the improved policy's answers", DefaultValueFactory = _ => 1 };
    private static readonly Option<bool> NoKlOption = new("--no-kl") { Description = "No price for distance from the supervised model, and no bonus for variety: shows reward hacking" };
    private static readonly Option<bool> DryRunOption = new("--dry-run") { Description = "Print what would be done, and stop" };
    private static readonly Option<AnnotatorKind> AnnotatorOption = new("--annotator") { Description = "Who judges what the reward model learns from: a simulated crowd, or me, in a browser", DefaultValueFactory = _ => AnnotatorKind.Crowd };
    private static readonly Option<int> ComparisonsOption = new("--comparisons") { Description = "With --annotator me: pairs to judge in each round", HelpName = "N", DefaultValueFactory = _ => 50 };
    internal static readonly Option<QuickstartStage?> FromOption = new("--from") { Description = "Do this stage and all after it again: sft, compare, judge, reward, ppo or evaluate", HelpName = "STAGE" };

    public static Command Create(ConsoleOutput output)
    {
        var verb = new Verb("quickstart", "The whole way once: base model to aligned policy, with a report.", "attune quickstart --budget small --out runs/first")
        {
            BudgetOption, SeedOption, RoundsOption, NoKlOption, AnnotatorOption, ComparisonsOption, DryRunOption, FromOption, CommonOptions.Out, CommonOptions.Resume, CommonOptions.Force, CommonOptions.Json,
        };
        verb.Deleting.Add(FromOption);
        return verb.Does(output, (parsed, stop) =>
        {
            var start = new QuickstartStart
            {
                Folder = parsed.GetValue(CommonOptions.Out) ?? UsualFolder,
                Resume = parsed.GetValue(CommonOptions.Resume),
                Force = parsed.GetValue(CommonOptions.Force),
                From = parsed.GetValue(FromOption),
                Rounds = parsed.GetResult(RoundsOption) is { Implicit: false } ? parsed.GetValue(RoundsOption) : null,
            };
            start.RequireRounds();
            var plan = QuickstartPlan.Of(parsed.GetValue(BudgetOption), parsed.GetValue(SeedOption), leash: !parsed.GetValue(NoKlOption)) with { Rounds = start.AllRounds };
            plan = Judged(plan, parsed);
            var asJson = parsed.GetValue(CommonOptions.Json);
            if (parsed.GetValue(DryRunOption))
            {
                if (asJson)
                    output.Json(plan);
                else
                    output.Line(string.Join('\n', PlanSummary.Lines(plan)));
                return;
            }

            foreach (var line in PlanSummary.Lines(plan))
                output.Note(line);
            start = Offer(output, start);
            using var progress = output.Progress(TimeProvider.System);
            using var quickstart = start.Open(plan, ShippedFiles.Find(), progress, new StoredFeedback());
            if (quickstart.Run(stop) is not { } report)
                return;
            progress.Dispose();
            if (asJson)
                output.Json(report);
            else
                output.Line("\n" + string.Join('\n', EvaluationSummary.Lines(report)));
            output.Note($"\nThe report, with answers to read: {new QuickstartFolder(start.Folder).Report(quickstart.Rounds)}");
        });
    }

    /// <summary>The plan with who judges.</summary>
    private static QuickstartPlan Judged(QuickstartPlan plan, ParseResult parsed)
    {
        var count = parsed.GetValue(ComparisonsOption);
        if (parsed.GetValue(AnnotatorOption) == AnnotatorKind.Me)
            return count >= 1 ? plan.JudgedByPerson(count) : throw InputException.One("--comparisons", $"is {count}", "at least 1", "50 takes about half an hour");
        return parsed.GetResult(ComparisonsOption) is not { Implicit: false } ? plan
            : throw InputException.One("--comparisons", "stands without --annotator me", "both or neither", "the simulated crowd judges what the budget says");
    }

    /// <summary>Asks a person at a terminal whether to go on with what is there.</summary>
    internal static QuickstartStart Offer(ConsoleOutput output, QuickstartStart start)
    {
        if (!output.CanAsk || !start.NeedsWord)
            return start;
        return output.Ask($"{start.Folder} {QuickstartStart.Found(start.Folder)}. Go on with it? [Y/n] ") ? start with { Resume = true } : start;
    }
}
