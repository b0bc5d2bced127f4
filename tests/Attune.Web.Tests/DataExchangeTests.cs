using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Feedback.Exchange;
using Attune.Runs;
using Attune.Storage.People;
using Attune.Storage.Training;
using Attune.Storage.Work;

namespace Attune.Web.Tests;

public sealed class DataExchangeTests : IDisposable
{
    private static readonly DataTerms Free = new() { Source = "tests", Licence = "CC0", Consent = "given", Allows = [DataUse.Train, DataUse.Redistribute, DataUse.Commercial] };

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("attune-data-");

    private string At(string name) => Path.Combine(_folder.FullName, name);

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(ExchangeShape.Trl, """{"prompt":"Name a colour.","chosen":"red","rejected":"blue"}""" + "\n" + """{"prompt":"And \"another\"?","chosen":"grün","rejected":"<b>"}""")]
    [InlineData(ExchangeShape.TrlChat, """{"prompt":[{"role":"user","content":"Hi"}],"chosen":[{"role":"assistant","content":"Hello."}],"rejected":[{"role":"assistant","content":"No."}]}""" + "\n"
        + """{"prompt":[{"role":"user","content":"One"},{"role":"assistant","content":"Two"},{"role":"user","content":"Three"}],"chosen":[{"role":"assistant","content":"Four"}],"rejected":[{"role":"assistant","content":"Five"}]}""")]
    [InlineData(ExchangeShape.AnthropicHh, """{"chosen":"\n\nHuman: Hi\n\nAssistant: Hello.","rejected":"\n\nHuman: Hi\n\nAssistant: Go away."}""" + "\n"
        + """{"chosen":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d","rejected":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: e"}""")]
    public async Task A_file_of_others_goes_in_and_comes_out_as_it_was(ExchangeShape shape, string file)
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);

        var report = await DataSets.ImportAsync(site.Database, project, new("rows.jsonl", shape, Encoding.UTF8.GetBytes(file), new() { Source = JudgmentSource.Model, Annotator = "judge-7b" }, Free), null);
        var again = await DataSets.ImportAsync(site.Database, project, new("rows.jsonl", shape, Encoding.UTF8.GetBytes(file), new() { Source = JudgmentSource.Model, Annotator = "judge-7b" }, Free), null);
        var data = await DataExport.MakeAsync(site.Database, project, new() { Shape = shape, Uses = [DataUse.Redistribute] });

        Assert.Equal((new ImportReport(2, 2, 2, 2, 0), new ImportReport(2, 2, 0, 0, 0)), (report, again));
        Assert.Equal(file.Split('\n').Order(StringComparer.Ordinal), data.Rows.Order(StringComparer.Ordinal));
        Assert.All(data.Feedback.Judgments, judgment => Assert.Equal((JudgmentSource.Model, "judge-7b"), (judgment.Source, judgment.AnnotatorId)));
        Assert.All((await site.Database.Tasks.ListAsync(project.Id, new(), new())).Items, task => Assert.Equal(TaskState.Complete, task.State)); // nobody here is asked again
    }

    [Fact]
    public async Task Our_own_shape_brings_every_judge_strength_side_and_source_along()
    {
        await using var site = await Site.Open();
        var (project, batch) = await Judged(site);
        var other = await site.Database.Projects.CreateAsync("Copy", new(), null);

        var before = await DataExport.MakeAsync(site.Database, project, new());
        await DataSets.ImportAsync(site.Database, other, new("own.jsonl", ExchangeShape.Attune, before.Bytes(), new() { Prefix = "x-" }, Free), null);
        var after = await DataExport.MakeAsync(site.Database, other, new());

        var row = Preference.FromJson(before.Rows[0]);
        Assert.Equal((2.0 / 3, 3, "week 1", "sha256:abc"), (row.PChosen, row.Judges, row.Origin!.Batch, row.Origin.PolicyCheckpoint));
        Assert.Equal(0.7, row.Origin.Sampling!.Value.GetProperty("temperature").GetDouble());
        Assert.Equal([JudgmentSource.Human, JudgmentSource.Simulated], row.Origin.Sources);
        Assert.Equal(3, row.Origin.Annotators.Count);
        Assert.Equal(["1"], row.Origin.InstructionVersions);
        Assert.Equal(before.Rows.Select(Essence).Order(StringComparer.Ordinal), after.Rows.Select(text => Essence(text.Replace("\"x-", "\"", StringComparison.Ordinal))).Order(StringComparer.Ordinal));
        Assert.NotNull(batch);

        static string Essence(string text)
        {
            var row = Preference.FromJson(text);
            var votes = row.Origin!.Votes.OrderBy(vote => vote.Annotator, StringComparer.Ordinal).Select(vote => vote with { Judgment = "" });
            return JsonSerializer.Serialize(new { row.Id, row.Prompt, row.Chosen, row.Rejected, row.PChosen, row.Judges, row.Strength, row.ChosenShownFirst, row.ChosenId, row.RejectedId, row.ChosenSource, row.Origin.Batch, row.Origin.PolicyCheckpoint, votes });
        }
    }

    [Fact]
    public async Task Summaries_keep_worker_batch_split_confidence_and_the_side_that_was_shown()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        const string Rows = """
            {"info":{"id":"t3_1","post":"Long.","title":null,"subreddit":null,"site":null,"article":null},"summaries":[{"text":"Short.","policy":"sup4","note":null},{"text":"Brief.","policy":"ref","note":"better"}],"choice":1,"worker":"w1","batch":"batch3","split":"train","extra":{"confidence":8}}
            {"info":{"id":"t3_1","post":"Long."},"summaries":[{"text":"Brief.","policy":"ref","note":null},{"text":"Short.","policy":"sup4","note":null}],"choice":0,"worker":"w2","batch":"batch3","split":"train","extra":{"confidence":2}}
            """;

        await DataSets.ImportAsync(site.Database, project, new("sff.jsonl", ExchangeShape.OpenAiSummaries, Encoding.UTF8.GetBytes(Rows), new(), Free), null);
        var data = await DataExport.MakeAsync(site.Database, project, new() { Shape = ExchangeShape.OpenAiSummaries });
        var preference = Preference.FromJson((await DataExport.MakeAsync(site.Database, project, new())).Rows.Single());

        Assert.Equal(("Brief.", 1.0, 2, 3.0), (preference.Chosen, preference.PChosen, preference.Judges, preference.Strength)); // steps 8 and 2 of nine, seen from both sides
        var rows = data.Rows.Select(row => JsonSerializer.Deserialize<JsonElement>(row)).OrderBy(row => row.GetProperty("worker").GetString(), StringComparer.Ordinal).ToArray();
        Assert.Equal(("w1", 1, 8, "batch3", "train"), (rows[0].GetProperty("worker").GetString(), rows[0].GetProperty("choice").GetInt32(), rows[0].GetProperty("extra").GetProperty("confidence").GetInt32(), rows[0].GetProperty("batch").GetString(), rows[0].GetProperty("split").GetString()));
        Assert.Equal(("Short.", "sup4", "better"), (rows[0].GetProperty("summaries")[0].GetProperty("text").GetString(), rows[0].GetProperty("summaries")[0].GetProperty("policy").GetString(), rows[0].GetProperty("summaries")[1].GetProperty("note").GetString()));
        Assert.Equal(("Brief.", 0, 2), (rows[1].GetProperty("summaries")[0].GetProperty("text").GetString(), rows[1].GetProperty("choice").GetInt32(), rows[1].GetProperty("extra").GetProperty("confidence").GetInt32()));

        var copy = await site.Database.Projects.CreateAsync("Copy", new(), null);
        await DataSets.ImportAsync(site.Database, copy, new("again.jsonl", ExchangeShape.OpenAiSummaries, data.Bytes(), new(), Free), null);
        string Judging(string row) => row[row.IndexOf("\"summaries\"", StringComparison.Ordinal)..]; // info has the id of ours
        Assert.Equal(data.Rows.Select(Judging).Order(StringComparer.Ordinal), (await DataExport.MakeAsync(site.Database, copy, new() { Shape = ExchangeShape.OpenAiSummaries })).Rows.Select(Judging).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Axis_ratings_go_in_and_come_out()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        const string Row = """{"info":{"id":"a","post":"Long."},"summary":{"text":"Short.","policy":"sup4","note":null,"axes":{"overall":6,"accuracy":7,"coverage":2,"coherence":null}},"worker":"w1","batch":"b","split":"valid1"}""";

        await DataSets.ImportAsync(site.Database, project, new("axes.jsonl", ExchangeShape.OpenAiAxes, Encoding.UTF8.GetBytes(Row), new(), Free), null);
        var data = await DataExport.MakeAsync(site.Database, project, new() { Shape = ExchangeShape.OpenAiAxes });

        var axes = JsonSerializer.Deserialize<JsonElement>(data.Rows.Single()).GetProperty("summary").GetProperty("axes");
        Assert.Equal("""{"overall":6,"accuracy":7,"coverage":2}""", axes.GetRawText());
        Assert.Equal(PromptSplit.HeldOut, data.Feedback.Comparisons.Single().Comparison.Split);
    }

    [Fact]
    public void Label_studio_gives_choices_orders_ratings_and_what_models_predicted()
    {
        const string Tasks = """
            [{"id":1,"data":{"prompt":"Hi","text1":"Hello.","text2":"No."},
              "annotations":[{"id":5,"completed_by":{"id":3,"email":"a@b.c"},"lead_time":4.5,"created_at":"2024-01-02T03:04:05Z","was_cancelled":false,
                 "result":[{"type":"pairwise","from_name":"pw","to_name":"text1,text2","value":{"selected":"left"}},{"type":"rating","from_name":"quality","value":{"rating":4}}]},
                {"id":6,"completed_by":4,"was_cancelled":true,"result":[]}],
              "predictions":[{"model_version":"m1","result":[{"type":"pairwise","value":{"selected":"right"}}]}]},
             {"id":2,"data":{"question":"Which?","items":[{"id":"x","body":"X!"},{"id":"y","body":"Y!"},{"id":"z","body":"Z!"}]},
              "annotations":[{"completed_by":3,"result":[{"type":"ranker","value":{"ranker":{"rank":["z","x","y"]}}}]}]},
             {"id":3,"data":{"prompt":"Open","text1":"One.","text2":"Two."},"annotations":[{"completed_by":4,"was_cancelled":true,"result":[]}]},
             {"id":4,"data":{"prompt":"Also open","items":[{"id":"x","body":"X!"},{"id":"y","body":"Y!"},{"id":"z","body":"Z!"}]}}]
            """;

        var read = ExchangeReader.Parse(ExchangeShape.LabelStudio, "ls.json", Encoding.UTF8.GetBytes(Tasks), new() { Prefix = "ls-" });

        Assert.Equal([("Hi", 2), ("Which?", 3), ("Open", 2), ("Also open", 3)], read.Comparisons.Select(one => (one.Comparison.Prompt, one.Comparison.Answers.Count))); // two wait to be judged
        Assert.Equal(["ls-3", "ls-m1", "ls-3"], read.Judgments.Select(judgment => judgment.AnnotatorId));
        var first = read.Judgments[0];
        Assert.Equal(("Hello.", 4.5, new AxisRating("quality", 4, 5)), (Best(read, first), first.Seconds, first.Ratings!.Single()));
        Assert.Equal(("No.", JudgmentSource.Model), (Best(read, read.Judgments[1]), read.Judgments[1].Source));
        Assert.Equal(["Z!", "X!", "Y!"], ByRank(read, read.Judgments[2]));
    }

    [Fact]
    public void Argilla_gives_rankings_ratings_and_suggestions_by_question_or_by_person()
    {
        const string Records = """
            [{"id":"r1","fields":{"prompt":"Hi","response-1":"Hello.","response-2":"No.","response-3":"Hm."},
              "responses":{"ranking":[{"value":["response-2","response-1","response-3"],"user_id":"u1"},{"value":["response-1"],"user_id":"u2","status":"draft"}],"quality_response-1":[{"value":7,"user_id":"u1"}]},
              "suggestions":{"ranking":{"value":[{"value":"response-1","rank":1},{"value":"response-2","rank":2},{"value":"response-3","rank":2}],"agent":"gpt","score":0.9}}},
             {"id":"r2","fields":{"prompt":"And?","response_1":"a","response_2":"b"},"responses":[{"user_id":"u1","status":"submitted","values":{"best":{"value":"response_2"}}}]}]
            """;

        var read = ExchangeReader.Parse(ExchangeShape.Argilla, "argilla.json", Encoding.UTF8.GetBytes(Records), new());

        Assert.Equal(3, read.Judgments.Count);
        Assert.Equal(["No.", "Hello.", "Hm."], ByRank(read, read.Judgments[0]));
        var rating = read.Judgments[0].Ratings!.Single();
        Assert.Equal(("quality_response-1", 7, 7, "Hello."), (rating.Axis, rating.Value, rating.Steps, Of(read, read.Judgments[0])[rating.Answer!.Value].Text));
        Assert.Equal((JudgmentSource.Model, "gpt", 2), (read.Judgments[1].Source, read.Judgments[1].AnnotatorId, read.Judgments[1].Ranks.Count(rank => rank == 2)));
        Assert.Equal("b", Best(read, read.Judgments[2]));
    }

    [Theory]
    [InlineData("trl", "{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":\"c\"}\n{\"prompt\":1,\"chosen\":\"b\",\"rejected\":\"c\"}\nnot json\n{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":\"b\"}", "line 2|has prompt 1, expected a text|line 3|is no JSON|line 4|has equal answers")]
    [InlineData("anthropic-hh", "[{\"chosen\":\"Hello\",\"rejected\":\"\\n\\nHuman: a\\n\\nAssistant: b\"},{}]", "[0]|has a chosen that is no dialogue|[1]|has no chosen")]
    [InlineData("openai-summaries", "{\"info\":{\"post\":\"p\"},\"summaries\":[{\"text\":\"a\"}],\"choice\":0}\n{\"info\":{\"post\":\"p\"},\"summaries\":[{\"text\":\"a\"},{\"text\":\"b\"}],\"choice\":2}", "line 1|has 1 summaries|line 2|has choice 2, expected a whole number from 0 to 1")]
    [InlineData("label-studio", "[{\"data\":{\"x\":\"1\"},\"annotations\":[{\"completed_by\":1,\"result\":[{\"type\":\"pairwise\",\"value\":{\"selected\":\"left\"}}]}]},7]", "[0]|expected two with answers|[1]|is 7, expected an object")]
    [InlineData("argilla", "[{\"fields\":{\"prompt\":\"p\",\"a\":\"1\",\"b\":\"2\"},\"responses\":{\"rank\":[{\"value\":[\"a\",\"z\"],\"user_id\":\"u\"}]}}]", "[0]|ranks z under rank, expected one of a, b")]
    [InlineData("argilla", "[{\"fields\":{\"prompt\":\"p\",\"a\":\"1\",\"b\":\"2\"},\"responses\":[\"a\"]},{\"fields\":{\"prompt\":\"p\",\"a\":\"1\",\"b\":\"2\"},\"responses\":{\"best\":[\"a\"]}}]", "[0]|has the response \\\"a\\\", expected an object with values|[1]|expected an object with value;")]
    [InlineData("argilla", "{\"fields\":{\"prompt\":\"p\",\"a\":\"1\",\"b\":\"2\"},\"responses\":{\"best\":{\"value\":\"a\"}}}\n{\"fields\":{\"prompt\":\"p\",\"a\":\"1\",\"b\":\"2\"},\"responses\":true}", "line 1|has responses to best|expected a list|line 2|has responses true, expected")]
    [InlineData("argilla", "{\"fields\":{\"prompt\":\"p\",\"a\":\"1\",\"b\":\"2\"},\"responses\":{\"best\":[{\"value\":\"a\",\"status\":\"done\"}]}}\n{\"fields\":{\"prompt\":\"p\",\"a\":\"1\",\"b\":\"2\"},\"suggestions\":{\"best\":\"a\"}}", "line 1|the status done, expected submitted|line 2|has a suggestion for best|expected an object with a value")]
    [InlineData("attune", "{\"id\":\"x\"}", "line 1|is no preference")]
    [InlineData("trl", "", "has no rows")]
    public async Task Malformed_files_name_the_place_and_the_reason_and_change_nothing(string shape, string file, string expected)
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var program = await site.Program(await site.Person(Role.Owner), "write");
        var before = await Rows(site);

        using var reply = await program.Send(HttpMethod.Post, $"/api/v1/projects/{project.Id}/import?shape={shape}&name=../../etc/bad.jsonl&terms=unknown", new ByteArrayContent(Encoding.UTF8.GetBytes(file)));
        var problem = (await reply.Content.ReadAsStringAsync()).Replace("\\u0027", "'", StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
        Assert.All(expected.Split('|'), part => Assert.Contains(part, problem, StringComparison.Ordinal));
        Assert.Contains("bad.jsonl", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("etc", problem, StringComparison.Ordinal); // a name is a name, never a path
        Assert.Equal(before, await Rows(site));
    }

    [Fact]
    public async Task A_pseudonym_of_somebody_who_can_sign_in_is_not_taken_for_them()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var person = await site.Person(password: "a long password");
        var file = new DataSetFile("a.jsonl", ExchangeShape.Trl, """{"prompt":"a","chosen":"b","rejected":"c"}"""u8.ToArray(), new() { Annotator = person.Pseudonym }, Free);
        var before = await Rows(site);

        var refused = await Assert.ThrowsAsync<InputException>(() => DataSets.ImportAsync(site.Database, project, file, null));
        Assert.Contains("has the pseudonym of somebody who is here", refused.Message);
        Assert.Equal(before, await Rows(site));
        Assert.Equal(1, (await DataSets.ImportAsync(site.Database, project, file with { Options = file.Options with { Prefix = "file-" } }, null)).Judgments);
    }

    [Fact]
    public async Task An_export_that_breaks_a_term_is_refused_with_the_part_and_the_use()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        async Task Bring(string name, DataTerms terms) => await DataSets.ImportAsync(site.Database, project, new(name, ExchangeShape.Trl, Encoding.UTF8.GetBytes($$"""{"prompt":"{{name}}","chosen":"b","rejected":"c"}"""), new(), terms), null);
        await Bring("free.jsonl", Free);
        Assert.Single((await DataExport.MakeAsync(site.Database, project, new() { Uses = [DataUse.Redistribute, DataUse.Commercial] })).Rows);
        await Bring("found.jsonl", DataTerms.OfUnknown);
        await Bring("bought.jsonl", Free with { Licence = "contract 7", Allows = [DataUse.Train, DataUse.Commercial] });

        var viewer = await site.Program(await site.Member(project, Role.Viewer), "read");
        using var reply = await viewer.Get($"/api/v1/projects/{project.Id}/export/data.jsonl?shape=trl&for=redistribute,commercial");
        var problem = await reply.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
        Assert.Contains("found.jsonl", problem);
        Assert.Contains("does not allow redistribution (licence unknown, consent: unknown; allowed: train)", problem);
        Assert.Contains("does not allow commercial use", problem);
        Assert.Contains("licence contract 7", problem);
        Assert.DoesNotContain("free.jsonl", problem);
        foreach (var file in new[] { "judgments.jsonl", "comparisons.jsonl", "texts.jsonl", "trees.jsonl" })
        {
            using var given = await viewer.Get($"/api/v1/projects/{project.Id}/export/{file}?for=redistribute");
            Assert.True(given.StatusCode == HttpStatusCode.BadRequest, $"{file}: {given.StatusCode}");
            Assert.Contains("does not allow redistribution", await given.Content.ReadAsStringAsync());
            using var taught = await viewer.Get($"/api/v1/projects/{project.Id}/export/{file}");
            Assert.Equal(HttpStatusCode.OK, taught.StatusCode);
        }
        Assert.Equal(3, (await viewer.Page($"/api/v1/projects/{project.Id}/export/data.jsonl?shape=trl")).TrimEnd().Split('\n').Length);
        var card = await viewer.Page($"/api/v1/projects/{project.Id}/export/DATASET.md");
        Assert.Contains("| bought.jsonl | 1 | tests | contract 7 | given | train, commercial |", card);
        Assert.Contains("The whole allows: train.", card);
        Assert.Equal(3, (await viewer.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/data-sets")).GetProperty("items").GetArrayLength());
    }

    [Fact]
    public void Terms_are_stated_or_said_to_be_unknown()
    {
        Assert.Equal(DataTerms.OfUnknown, DataTerms.Of("unknown", null, null, null, null));
        Assert.Equal(3, Assert.Throws<InputException>(() => DataTerms.Of(null, null, null, null, null)).Problems.Count);
        Assert.Contains("has sell", Assert.Throws<InputException>(() => DataTerms.Of(null, "a", "b", "c", "train,sell")).Message);
        Assert.Contains("redistribute while the licence is unknown", Assert.Throws<InputException>(() => DataTerms.Of(null, "a", "unknown", "c", "redistribute")).Message);
        Assert.Contains("terms.source", Assert.Throws<InputException>(() => ProjectSettings.FromJson("""{"terms":{"source":"","licence":"a","consent":"b","allows":["train"]}}""")).Message);
        var settings = ProjectSettings.FromJson("""{"terms":{"source":"us","licence":"CC0","consent":"yes","allows":["train","redistribute"]}}""");
        Assert.Equal([DataUse.Train, DataUse.Redistribute], ProjectSettings.FromJson(settings.ToJson()).Terms!.Allows);
    }

    [Fact]
    public async Task A_delivery_says_what_was_ordered_what_is_there_and_who_is_missing_and_can_be_verified()
    {
        await using var site = await Site.Open();
        var (project, batch) = await Judged(site);
        var silent = await site.Member(project);

        var manifest = await Delivery.WriteAsync(site.Database, project, batch.Id, At("week"), [DataUse.Train]);
        await Delivery.WriteAsync(site.Database, project, batch.Id, At("a.zip"), [DataUse.Train]);
        await Delivery.WriteAsync(site.Database, project, batch.Id, At("b.zip"), [DataUse.Train]);

        Assert.Equal((8, 7), (manifest.RowsOrdered, manifest.RowsDelivered));
        Assert.Equal((4, 3), manifest.Missing.Select(one => (one.Ordered, one.Delivered)).Single());
        Assert.Equal([silent.Pseudonym], manifest.MissingAnnotators);
        Assert.Equal(7, manifest.InstructionVersions["1"]);
        Assert.Equal(5, manifest.Sources["human"]);
        Assert.Equal("sha256:abc", manifest.BatchDetails!.Value.GetProperty("policyCheckpoint").GetString());
        Assert.Equal(["DATASET.md", "comparisons.jsonl", "judgments.jsonl", "preferences.jsonl"], manifest.Files.Select(file => file.File));
        Assert.Equal(await File.ReadAllBytesAsync(At("a.zip")), await File.ReadAllBytesAsync(At("b.zip")));
        Assert.Equal(manifest.Files, Delivery.Verify(At("week")).Files);
        Assert.Equal(manifest.Files, Delivery.Verify(At("a.zip")).Files);
        await Assert.ThrowsAsync<InputException>(() => Delivery.WriteAsync(site.Database, project, batch.Id, At("c.zip"), [DataUse.Redistribute]));
        Assert.False(File.Exists(At("c.zip")));
    }

    [Fact]
    public async Task A_delivery_that_was_changed_or_would_lead_elsewhere_is_found_out()
    {
        await using var site = await Site.Open();
        var (project, batch) = await Judged(site);
        await Delivery.WriteAsync(site.Database, project, batch.Id, At("week"), [DataUse.Train]);
        await File.AppendAllTextAsync(At("week/judgments.jsonl"), "\n");
        File.Delete(At("week/comparisons.jsonl"));
        await File.WriteAllTextAsync(At("week/extra.txt"), "more");
        var changed = Assert.Throws<InputException>(() => Delivery.Verify(At("week")));
        Assert.Equal(["comparisons.jsonl", "judgments.jsonl", "extra.txt"], changed.Problems.Select(problem => problem.Key));

        var manifest = (await File.ReadAllTextAsync(At("week/manifest.json"))).Replace("\"judgments.jsonl\"", "\"../outside.jsonl\"", StringComparison.Ordinal);
        using (var zip = ZipFile.Open(At("evil.zip"), ZipArchiveMode.Create))
        {
            foreach (var (name, text) in new[] { ("manifest.json", manifest), ("../outside.jsonl", "x\n") })
            {
                using var writer = new StreamWriter(zip.CreateEntry(name).Open());
                writer.Write(text);
            }
        }
        Assert.Contains("is no name of a file beside the manifest", Assert.Throws<InputException>(() => Delivery.Verify(At("evil.zip"))).Message);
        Assert.False(File.Exists(Path.Combine(_folder.Parent!.FullName, "outside.jsonl")));
    }

    [Theory]
    [InlineData(PreferenceAggregation.Raw)]
    [InlineData(PreferenceAggregation.MajorityVote)]
    [InlineData(PreferenceAggregation.DawidSkene)]
    [InlineData(PreferenceAggregation.NoisyBradleyTerry)]
    public void Methods_that_know_annotators_believe_the_good_ones(PreferenceAggregation method)
    {
        // On thirty pairs a, b and c are right and d and e are wrong; on the last pair only c, d and e are asked: two bad against one good.
        var comparisons = Enumerable.Range(0, 31).Select(i => new Comparison { Id = $"c{i:00}", Prompt = $"{i}", Order = [0, 1], Answers = [new() { Id = $"c{i:00}.0", Source = "s", Text = "good" }, new() { Id = $"c{i:00}.1", Source = "s", Text = "bad" }] }).ToArray();
        var judgments = comparisons.SelectMany((comparison, i) => (i < 30 ? "abcde" : "cde").Select(who => Vote(comparison, $"{who}", who is 'd' or 'e' && i != 3 ? 1 : 0))).ToArray();

        var rows = AggregatedPreferences.Of(method, comparisons, judgments, Annotators.OfOneGroup(judgments), new());

        var last = rows.Where(row => row.Comparison == "c30").ToArray();
        Assert.Equal(method == PreferenceAggregation.Raw ? judgments.Length : comparisons.Length, rows.Count);
        Assert.All(rows, row => Assert.InRange(row.PChosen, 0.5, 1));
        Assert.Equal(method switch { PreferenceAggregation.Raw => 3, _ => 1 }, last.Length);
        if (method == PreferenceAggregation.MajorityVote)
            Assert.Equal(("bad", 2.0 / 3), (last[0].Chosen, last[0].PChosen));
        else if (method == PreferenceAggregation.Raw)
            Assert.Equal(["good", "bad", "bad"], last.Select(row => row.Chosen));
        else if (method == PreferenceAggregation.DawidSkene)
            Assert.Equal("good", last[0].Chosen);
    }

    private static Judgment Vote(Comparison comparison, string who, int best, int? strength = null, JudgmentSource? source = null) => new()
    {
        Id = $"{comparison.Id}:{who}",
        ComparisonId = comparison.Id,
        AnnotatorId = who,
        Order = [0, 1],
        Outcome = Outcome.Choice,
        Ranks = best == 0 ? [1, 2] : [2, 1],
        Strength = strength,
        InstructionVersion = "1",
        InterfaceVersion = "9",
        Seconds = 2.5,
        At = DateTimeOffset.UnixEpoch,
        Source = source,
    };

    /// <summary>A batch of two pairs, one judged by three people and the other by four of the five that were wanted; one of them is a simulation.</summary>
    private static async Task<(Project Project, Batch Batch)> Judged(Site site)
    {
        var project = await site.Project(0);
        var batch = await site.Database.Batches.CreateAsync(project.Id, "week 1", """{"policyCheckpoint":"sha256:abc","sampling":{"temperature":0.7}}""", null);
        Comparison[] comparisons = [.. Enumerable.Range(0, 2).Select(i => Comparison.FromJson(Encoding.UTF8.GetString(Site.Comparisons(2)).Split('\n')[i]))];
        foreach (var (who, source) in new[] { ("ann", JudgmentSource.Human), ("bob", JudgmentSource.Human), ("sim", JudgmentSource.Simulated), ("cy", JudgmentSource.Human) })
        {
            var person = await site.Database.People.CreateAsync(new() { DisplayName = who, Pseudonym = who, Source = source }, null);
            await site.Database.Projects.SetMemberAsync(project.Id, person.Id, Role.Annotator, null);
        }
        await site.Database.Tasks.AddAsync(project.Id, [.. comparisons.Select((comparison, i) => new NewTask { Payload = comparison.ToJson(), Choices = 2, SubjectId = comparison.Id, BatchId = batch.Id, Overlap = 4 })], null);
        await site.Database.Judgments.AppendAsync(project.Id,
        [
            Vote(comparisons[0], "ann", 0, strength: 3), Vote(comparisons[0], "bob", 1, strength: 1), Vote(comparisons[0], "sim", 0),
            Vote(comparisons[1], "ann", 1), Vote(comparisons[1], "bob", 1), Vote(comparisons[1], "sim", 1), Vote(comparisons[1], "cy", 0, source: JudgmentSource.Human),
        ], null);
        return (project, batch);
    }

    private static async Task<string> Rows(Site site) => await site.Database.ReadAsync(async transaction =>
        string.Join(' ',
            await transaction.CountAsync("SELECT COUNT(*) FROM tasks"), await transaction.CountAsync("SELECT COUNT(*) FROM judgments"), await transaction.CountAsync("SELECT COUNT(*) FROM data_sets"),
            await transaction.CountAsync("SELECT COUNT(*) FROM batches"), await transaction.CountAsync("SELECT COUNT(*) FROM people")));

    private static IReadOnlyList<Answer> Of(ImportedFeedback read, Judgment judgment) => read.Comparisons.Single(judged => judged.Comparison.Id == judgment.ComparisonId).Comparison.Answers;

    private static string Best(ImportedFeedback read, Judgment judgment) => Of(read, judgment)[judgment.Best!.Value].Text;

    private static IEnumerable<string> ByRank(ImportedFeedback read, Judgment judgment) => Of(read, judgment).Select((answer, i) => (answer.Text, judgment.Ranks[i])).OrderBy(pair => pair.Item2).Select(pair => pair.Text);
}
