using System.CommandLine;
using Attune.Cli.Output;
using Attune.Evaluation;
using Attune.Loop;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary><c>attune quickstart</c>: the whole way once.</summary>
internal static class QuickstartVerb
{
    private const string UsualFolder = "runs/quickstart";

    private static readonly Option<Budget> BudgetOption = new("--budget") { Description = "How much work: small, standard or large", DefaultValueFactory = _ => Budget.Standard };
    private static readonly Option<int> SeedOption = new("--seed") { Description = "Decides everything that is drawn; same seed, same result", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> RoundsOption = new("--rounds") { Description = "Rounds in all; each collects fresh judgments on the improved policy's answers", DefaultValueFactory = _ => 1 };
    private static readonly Option<bool> NoKlOption = new("--no-kl") { Description = "No price for distance from the supervised model: shows reward hacking" };
    private static readonly Option<bool> DryRunOption = new("--dry-run") { Description = "Print what would be done, and stop" };
    private static readonly Option<QuickstartStage?> FromOption = new("--from") { Description = "Do this stage and all after it again: sft, compare, judge, reward, ppo or evaluate", HelpName = "STAGE" };

    public static Command Create(ConsoleOutput output)
    {
        var verb = new Verb("quickstart", "The whole way once: base model to aligned policy, with a report.", "attune quickstart --budget small --out runs/first")
        {
            BudgetOption, SeedOption, RoundsOption, NoKlOption, DryRunOption, FromOption, CommonOptions.Out, CommonOptions.Resume, CommonOptions.Force, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) =>
        {
            var folder = parsed.GetValue(CommonOptions.Out) ?? UsualFolder;
            var rounds = parsed.GetValue(RoundsOption);
            var plan = QuickstartPlan.Of(parsed.GetValue(BudgetOption), parsed.GetValue(SeedOption), leash: !parsed.GetValue(NoKlOption));
            foreach (var line in PlanSummary.Lines(plan, rounds))
                output.Note(line);
            if (parsed.GetValue(DryRunOption))
            {
                if (parsed.GetValue(CommonOptions.Json))
                    output.Json(plan);
                return;
            }

            var start = new QuickstartStart { Folder = folder, Resume = parsed.GetValue(CommonOptions.Resume), Force = parsed.GetValue(CommonOptions.Force), From = parsed.GetValue(FromOption), Rounds = rounds };
            plan = Offer(output, start).Prepare(plan);
            using var progress = output.Progress(TimeProvider.System);
            var report = new Quickstart(new(folder), plan, ShippedFiles.Find(), progress).Run(rounds, stop);
            progress.Dispose();
            if (report is null)
                return;
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(report);
            else
                output.Line("\n" + string.Join('\n', EvaluationSummary.Lines(report)));
            output.Note($"\nThe report, with answers to read: {new QuickstartFolder(folder).Report(rounds)}");
        });
    }

    /// <summary>Asks a person at a terminal whether to go on with what is there.</summary>
    private static QuickstartStart Offer(ConsoleOutput output, QuickstartStart start)
    {
        var isChosen = start.Resume || start.Force || start.From is not null;
        if (isChosen || !output.CanAsk || QuickstartStart.Found(start.Folder) is not { } found)
            return start;
        return output.Ask($"{start.Folder} {found}. Go on with it? [Y/n] ") ? start with { Resume = true } : start;
    }
}
