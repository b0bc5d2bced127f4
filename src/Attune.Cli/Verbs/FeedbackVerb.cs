using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Feedback.Exchange;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Arena;
using Attune.Storage.Training;
using Attune.Storage.Work;
using Attune.Web.Arena;
using Attune.Web.Work;

namespace Attune.Cli.Verbs;

/// <summary><c>attune feedback</c>: hands a project's judgments on, takes others' in, delivers batches.</summary>
internal static class FeedbackVerb
{
    private const int MostProblemsShown = 50;

    private static readonly Option<string> ProjectOption = new("--project") { Description = "The project's name", HelpName = "NAME", Required = true };
    private static readonly Option<string> ForOption = new("--for") { Description = "What it is for, with commas between: train, redistribute, commercial; the data's terms have to allow it", HelpName = "USES", DefaultValueFactory = _ => "train" };
    private static readonly Option<int?> BatchOption = new("--batch") { Description = "Number of a batch; all of the project without it", HelpName = "N" };

    public static Command Create(ConsoleOutput output) => new("feedback", "Export, import and deliver judgments, in the shapes of others too.") { Export(output), Import(output), Deliver(output), Verify(output) };

    private static Verb Export(ConsoleOutput output)
    {
        var to = new Argument<string>("folder") { Description = $"Folder to write: {ExportedData.FileName} and {DataCard.FileName}; it must not be there" };
        var shape = new Option<string>("--shape") { Description = $"Shape of the rows: {string.Join(", ", ExchangeShapes.Written)}", HelpName = "SHAPE", DefaultValueFactory = _ => "attune" };
        var aggregation = new Option<string>("--aggregation") { Description = "How votes become one preference: raw, majority-vote, dawid-skene or noisy-bradley-terry", HelpName = "METHOD", DefaultValueFactory = _ => "majority-vote" };
        var project = new Option<string?>(ProjectOption.Name) { Description = "The project's name; or --arena", HelpName = "NAME" };
        var arena = new Option<string?>("--arena") { Description = "The arena's votes instead of a project's judgments, by its file: who is held out, and the terms", HelpName = "FILE" };
        var mode = new Option<string?>("--mode") { Description = "Of the arena blind or side-by-side votes alone; both without it", HelpName = "MODE" };
        var verb = new Verb("export", "Write a project's judgments, or an arena's votes, with their card, if the data's terms allow it.", "attune feedback export exports/monday --project Reviews --shape trl")
        {
            to, DbVerb.Url, project, arena, mode, shape, aggregation, ForOption, BatchOption, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) =>
        {
            var problems = new InputProblems("attune feedback export");
            var uses = DataTerms.Uses("--for", parsed.GetValue(ForOption), problems);
            var (name, file) = (parsed.GetValue(project), parsed.GetValue(arena));
            if (name is null == file is null)
                problems.Add(Problem.Of(ProjectOption.Name, file is null ? "is missing" : $"stands beside {arena.Name}", $"one of {ProjectOption.Name} and {arena.Name}", "name a project, or an arena's file"));
            if (file is not null && parsed.GetValue(BatchOption) is not null)
                problems.Add(Problem.Of(BatchOption.Name, $"stands beside {arena.Name}", "a project, as an arena has no batches", "leave it out"));
            if (file is null && parsed.GetValue(mode) is not null)
                problems.Add(Problem.Of(mode.Name, $"stands without {arena.Name}", "an arena's file beside it", "leave it out, or name the file"));
            var (votes, plan) = ((ArenaMode?)null, (ArenaPlan?)null);
            problems.Try(() => { votes = ArenaExport.Mode(mode.Name, parsed.GetValue(mode)); });
            problems.Try(() => { plan = file is null ? null : ArenaPlan.Load(file); });
            problems.ThrowIfAny();
            var order = new ExportOrder { Shape = ExchangeShapes.Parse(parsed.GetValue(shape), toWrite: true), Aggregation = AggregatedPreferences.Parse(parsed.GetValue(aggregation)), Uses = uses };
            var folder = parsed.GetRequiredValue(to);
            async Task<ExportedData> MakeAsync(Database database)
            {
                if (name is null)
                    return await ArenaExport.MakeAsync(database, plan, votes, order, stop);
                var (found, batch) = await FindAsync(database, parsed, name, stop);
                return await DataExport.MakeAsync(database, found, order with { BatchId = batch?.Id }, stop);
            }
            var data = DbVerb.Run(async () =>
            {
                await using var database = await Database.OpenAsync(parsed.GetValue(DbVerb.Url)!, new() { ReadOnly = true }, stop);
                var made = await MakeAsync(database);
                made.Write(folder);
                return made;
            });
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(new { folder, shape = ExchangeShapes.Word(order.Shape), rows = data.Rows.Count, judgments = data.Feedback.Judgments.Count, terms = data.Parts });
            else
                output.Line($"{Number(data.Rows.Count)} rows of {Number(data.Feedback.Judgments.Count)} judgments written to {folder}; {DataCard.FileName} has their terms");
        });
    }

    private static Verb Import(ConsoleOutput output)
    {
        var from = new Argument<string>("file") { Description = "File to read, plain or gzip" };
        var shape = new Option<string>("--shape") { Description = $"Shape of the rows: {string.Join(", ", ExchangeShapes.Read)}", HelpName = "SHAPE", Required = true };
        var source = new Option<JudgmentSource>("--source") { Description = "Who judged where rows do not say: human, model or simulated", DefaultValueFactory = _ => JudgmentSource.Human };
        var annotator = Text("--annotator", "Pseudonym for rows that name nobody; 'imported' without it");
        var prefix = Text("--prefix", "Put before each pseudonym of the file");
        var prompt = Text("--prompt-field", "Label Studio and Argilla: the field with the prompt");
        var answers = Text("--answer-fields", "Label Studio and Argilla: the fields with the answers, with commas between");
        var terms = Text("--terms", "unknown, where nobody knows the terms of the data; else give the four below");
        var (origin, licence, consent, allows) = (Text("--origin", "Who made the data"), Text("--licence", "The data's licence, or unknown"),
            Text("--consent", "What those who judged agreed to, or unknown"), Text("--allows", "What may be done, with commas between: train, redistribute, commercial"));
        var verb = new Verb("import", "Read others' judgments into a project, all of them or none; the project is made if there is none.",
            "attune feedback import hh.jsonl.gz --shape anthropic-hh --project Dialogues --origin Anthropic --licence MIT --consent \"as published\" --allows train,redistribute,commercial")
        {
            from, DbVerb.Url, ProjectOption, shape, source, annotator, prefix, prompt, answers, terms, origin, licence, consent, allows, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) =>
        {
            var path = parsed.GetRequiredValue(from);
            var stated = DataTerms.Of(parsed.GetValue(terms), parsed.GetValue(origin), parsed.GetValue(licence), parsed.GetValue(consent), parsed.GetValue(allows));
            var file = ImportedFile.Of(ExchangeReader.Load(path), path, parsed.GetValue(shape), parsed.GetValue(source), parsed.GetValue(annotator), parsed.GetValue(prefix),
                parsed.GetValue(prompt), parsed.GetValue(answers), stated) with
            { Name = path };
            _ = ExchangeReader.Parse(file.Shape, path, file.Content, file.Options); // before a database or a project is made
            var report = DbVerb.Run(async () =>
            {
                await using var database = await Database.OpenAsync(parsed.GetValue(DbVerb.Url)!, null, stop);
                var name = parsed.GetRequiredValue(ProjectOption);
                var project = await database.Projects.FindByNameAsync(name, stop) ?? await database.Projects.CreateAsync(name, new(), null, stop: stop);
                return await DataSets.ImportAsync(database, project, file with { Name = Path.GetFileName(path) }, null, stop);
            });
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(report);
            else
                output.Line($"{Number(report.Rows)} rows read: {Number(report.Added)} comparisons and {Number(report.Judgments)} judgments are new{(report.Repeated > 0 ? $"; {Number(report.Repeated)} judgments were replaced by later rows" : "")}");
        });
    }

    private static Verb Deliver(ConsoleOutput output)
    {
        var to = new Argument<string>("path") { Description = "Folder, or file that ends in .zip, to write; it must not be there" };
        var verb = new Verb("deliver", "Write a batch with manifest, checksums and card: what was ordered, what is there, who is missing.", "attune feedback deliver week-12.zip --project Reviews --batch 12")
        {
            to, DbVerb.Url, ProjectOption, BatchOption, ForOption, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) =>
        {
            var problems = new InputProblems("attune feedback deliver");
            var uses = DataTerms.Uses("--for", parsed.GetValue(ForOption), problems);
            problems.ThrowIfAny();
            var manifest = DbVerb.Run(async () =>
            {
                await using var database = await Database.OpenAsync(parsed.GetValue(DbVerb.Url)!, new() { ReadOnly = true }, stop);
                var (project, batch) = await FindAsync(database, parsed, parsed.GetRequiredValue(ProjectOption), stop);
                return await Delivery.WriteAsync(database, project, batch?.Id, parsed.GetRequiredValue(to), uses, stop);
            });
            Show(output, parsed, manifest, $"written to {parsed.GetRequiredValue(to)}");
        });
    }

    private static Verb Verify(ConsoleOutput output)
    {
        var path = new Argument<string>("path") { Description = "A delivery's folder or .zip; with --shape a file of rows" };
        var ordered = Text("--ordered", "What was ordered, a file of comparisons: missing, extra, repeated and altered rows are told by line");
        var shape = new Option<string?>("--shape") { Description = $"The path is a file of rows in this shape, held against --ordered: {string.Join(", ", ExchangeShapes.Read)}", HelpName = "SHAPE" };
        var each = new Option<int>("--each") { Description = "Judgments ordered of each comparison, by different people", HelpName = "N", DefaultValueFactory = _ => 1 };
        var verb = new Verb("verify", "Hold a delivery against its manifest, and against what was ordered.", "attune feedback verify week-12.zip --ordered comparisons.jsonl") { path, ordered, shape, each, CommonOptions.Json };
        return verb.Does(output, (parsed, _) =>
        {
            var (from, order, rows) = (parsed.GetRequiredValue(path), parsed.GetValue(ordered), parsed.GetValue(shape));
            if (order is null && (rows is not null || parsed.GetResult(each) is { Implicit: false }))
                throw InputException.One("--ordered", "is missing", "the comparisons that were ordered, which --shape and --each belong to", "name their file");
            if (parsed.GetValue(each) < 1)
                throw InputException.One("--each", $"is {parsed.GetValue(each)}", "at least 1", "correct it");
            if (order is null)
                Show(output, parsed, Delivery.Verify(from), "is as its manifest says");
            else
                Hold(output, parsed, from, order, rows is null ? null : ExchangeShapes.Parse(rows, toWrite: false), parsed.GetValue(each));
        });
    }

    private static void Hold(ConsoleOutput output, ParseResult parsed, string path, string order, ExchangeShape? shape, int each)
    {
        var options = new ImportOptions();
        var problems = new InputProblems(path);
        var ordered = problems.Try(() => ComparisonFile.Read(order));
        if (shape is null)
            problems.Try(() => Delivery.Verify(path)); // what its manifest says, and then what its rows say
        var delivered = problems.Try(() => shape is { } of ? ExchangeReader.Parse(of, path, ExchangeReader.Load(path), options).Delivered : Delivery.Rows(path));
        var report = ordered is null || delivered is null ? null : OrderCheck.Of(ordered, delivered, each, shape is null ? null : options.Annotator); // a delivery says who judged
        problems.Add((report?.Problems ?? []).Take(MostProblemsShown));
        if (report?.Problems.Count > MostProblemsShown)
            problems.Add(new Problem("", $"and {report.Problems.Count - MostProblemsShown} more: in all {report.Missing} judgments are missing, {report.Extra} too many, {report.Repeated} repeated, {report.Altered} rows altered"));
        problems.ThrowIfAny();
        if (parsed.GetValue(CommonOptions.Json))
            output.Json(new { report!.Ordered, report.Delivered, report.Missing, report.Extra, report.Repeated, report.Altered });
        else
            output.Line($"{Printable.Text(path)} is as it was ordered: {Number(report!.Delivered)} of {Number(report.Ordered)} judgments; nothing is missing, too much, repeated or altered");
    }

    private static void Show(ConsoleOutput output, ParseResult parsed, DeliveryManifest manifest, string done)
    {
        if (parsed.GetValue(CommonOptions.Json))
        {
            output.Json(manifest);
            return;
        }
        output.Line($"{Printable.Text(manifest.Project)}{(manifest.Batch is null ? "" : $", batch {Printable.Text(manifest.Batch)}")} {done}: {Number(manifest.RowsDelivered)} of {Number(manifest.RowsOrdered)} judgments ordered");
        if (manifest.Missing.Count > 0)
            output.Line($"{Number(manifest.Missing.Count)} tasks lack answers");
        if (manifest.MissingAnnotators.Count > 0)
            output.Line($"Nothing came from {string.Join(", ", manifest.MissingAnnotators.Select(Printable.Text))}");
    }

    private static async Task<(Project, Batch?)> FindAsync(Database database, ParseResult parsed, string name, CancellationToken stop)
    {
        var project = await database.Projects.FindByNameAsync(name, stop) ?? throw InputException.One($"{database.Url}", $"has no project {name}", "one of its projects' names", "check --project");
        if (parsed.GetValue(BatchOption) is not { } number)
            return (project, null);
        var batch = (await database.Batches.ListAsync(project.Id, stop)).FirstOrDefault(one => one.Number == number);
        return (project, batch ?? throw InputException.One($"Project {name}", $"has no batch {number}", "the number of one", "check --batch"));
    }

    private static Option<string?> Text(string name, string description) => new(name) { Description = description, HelpName = "TEXT" };

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
