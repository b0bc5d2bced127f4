using Attune.Feedback;
using Attune.Runs;

namespace Attune.Evaluation;

/// <summary>
/// The evaluation stage: answers of all models to held-out prompts are sampled and measured (<c>answers.jsonl</c>), pairs of them are judged blind
/// (<c>comparisons.jsonl</c>, <c>judgments.jsonl</c>), and what that amounts to is written down (<c>report.json</c>, <c>report.html</c>).
/// </summary>
public static class Evaluating
{
    /// <summary>The report as data.</summary>
    public const string ReportName = "report.json";

    /// <summary>The report as a page.</summary>
    public const string PageName = "report.html";

    private static readonly string[] Files = [ReportName, PageName, ReadInputs.Name, AnswerFile.Name, JudgedPairs.ComparisonsName, JudgedPairs.JudgmentsName];

    /// <summary>Evaluates what a recipe names, into the run's folder; null where it was asked to stop before the end.</summary>
    /// <exception cref="InputException">Something that the recipe names cannot be used; lists every problem. Nothing was sampled.</exception>
    public static EvaluationReport? Run(EvaluateRecipe recipe, Run run, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(run);
        var done = Path.Combine(run.Folder, ReportName);
        if (File.Exists(done))
        {
            run.Progress.Say($"{run.Folder} is evaluated already; nothing was done.");
            return ReportFile.Read(done);
        }

        using var setup = new EvaluationSetup(recipe, run.Folder, run.Progress);
        try
        {
            return Run(setup.Input, new() { Folder = run.Folder, Resume = true, Progress = run.Progress }, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Evaluates. The same input gives the same files to the byte, straight through or resumed.</summary>
    /// <param name="input">Models, prompts, judges, budgets.</param>
    /// <param name="output">Where to.</param>
    /// <param name="stop">Checked between tokens and between votes; what is finished by then is kept.</param>
    /// <exception cref="InputException">The input cannot be evaluated, or is another one than that of the answers that are there; lists every problem. Nothing is written.</exception>
    /// <exception cref="OperationCanceledException">It was stopped; run again with <see cref="EvaluationOutput.Resume"/>.</exception>
    public static EvaluationReport Run(EvaluationInput input, EvaluationOutput output, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        var plan = EvaluationPlan.Of(input);
        AtomicFile.RequireWritable(output.Folder);
        Directory.CreateDirectory(output.Folder);
        if (!output.Resume)
            Erase(output.Folder);

        ReadInputs.Keep(input, plan, output.Folder);
        var answers = Sample(input, plan, output, stop);
        var comparisons = JudgedPairs.Compare(plan.Contests(answers), input.Round - 1, input.Seed);
        ComparisonFile.Write(Path.Combine(output.Folder, JudgedPairs.ComparisonsName), comparisons);
        var judgments = Judge(input, comparisons, output, stop);
        var results = input.Judges.Select(panel => JudgedPairs.Results(comparisons, judgments, panel.Gave)).ToList();

        var report = new Findings(input, plan, answers).Report(results);
        AtomicFile.WriteText(Path.Combine(output.Folder, PageName), ReportPage.Html(report));
        AtomicFile.WriteText(Path.Combine(output.Folder, ReportName), ReportFile.Json(report)); // last: its presence says that all is done
        return report;
    }

    private static void Erase(string folder)
    {
        foreach (var file in Files)
            File.Delete(Path.Combine(folder, file));
    }

    private static AnswerFile Sample(EvaluationInput input, EvaluationPlan plan, EvaluationOutput output, CancellationToken stop)
    {
        var answers = new AnswerFile(output.Folder);
        var open = plan.Orders.Where(order => answers.Of(order.Name).Count != order.Total).ToList();
        if (open.Count == 0)
            return answers;
        using var maker = new AnswerMaker(input, plan.Prompts);
        long total = plan.Orders.Sum(order => order.Total), done = total - open.Sum(order => order.Total);
        var meter = new ProgressMeter(output.Progress, "answers", total, "answers", output.Time) { Start = done };
        foreach (var order in open)
            answers.Add(maker.Make(order, count => meter.Advance(done += count, order.Name), stop));
        return answers;
    }

    private static IReadOnlyList<Judgment> Judge(EvaluationInput input, IReadOnlyList<Comparison> comparisons, EvaluationOutput output, CancellationToken stop)
    {
        var votes = input.Judges.Sum(panel => (long)panel.Votes * comparisons.Count);
        var meter = new ProgressMeter(output.Progress, "judging", votes, "votes", output.Time);
        return JudgedPairs.Judge(comparisons, input.Judges, output.Folder, meter, stop);
    }
}
