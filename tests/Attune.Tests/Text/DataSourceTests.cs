using Attune.Runs;
using Attune.Text;

namespace Attune.Tests.Text;

public sealed class DataSourceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string[] Names(DataSource source) => [.. source.Documents().Select(file => Path.GetFileName(file.Path))];

    private void Books() => Array.ForEach(["b.txt", "a.txt", "a-10.txt", "notes.md", ".hidden.txt"], name => _folder.Write(name, name));

    [Fact]
    public void A_folder_stands_for_its_visible_files_in_the_order_of_their_names()
    {
        Books();

        Assert.Equal(["a-10.txt", "a.txt", "b.txt", "notes.md"], Names(new() { Path = _folder.Path }));
    }

    [Fact]
    public void A_pattern_takes_what_fits_less_the_exceptions()
    {
        Books();

        Assert.Equal(["a-10.txt", "b.txt"], Names(new() { Path = Path.Combine(_folder.Path, "*.txt"), Except = ["a.txt"] }));
        Assert.Equal(["b.txt"], Names(new() { Path = Path.Combine(_folder.Path, "*.txt"), Except = ["a*"] }));
    }

    [Fact]
    public void A_pattern_that_fits_nothing_is_a_problem()
    {
        var path = Path.Combine(_folder.Path, "*.gz");

        var message = Assert.Throws<InputException>(() => new DataSource { Path = path }.Documents()).Message;

        Assert.Equal($"{path} has 1 problem\n  matches no file, expected at least one; check the path", message);
    }

    [Fact]
    public void A_single_file_is_opened_by_its_reader_which_says_what_is_wrong()
    {
        var path = Path.Combine(_folder.Path, "none.txt");

        var problem = new DataSource { Path = path }.Documents().Single().Check().Problems.Single();

        Assert.Equal("does not exist, expected a file; correct the path", problem.Message);
    }

    [Fact]
    public void Plain_text_is_cut_as_the_source_says()
    {
        var path = _folder.Write("tales.txt", "one\ntwo\n***\nthree\n");

        Assert.Equal(["one\ntwo\n***\nthree"], new DataSource { Path = path }.Documents().Single().Select(d => d.Text));
        Assert.Equal(["one\ntwo", "three"], new DataSource { Path = path, Separator = "***" }.Documents().Single().Select(d => d.Text));
        Assert.Equal(["one", "two", "***", "three"], new DataSource { Path = path, LinePerDocument = true }.Documents().Single().Select(d => d.Text));
    }

    [Fact]
    public void Prompts_are_lines_of_plain_text_without_the_space_at_their_ends()
    {
        var path = _folder.Write("prompts.txt", "one \ntwo\n\n***\nthree\t\n");

        Assert.Equal(["one", "two", "***", "three"], DataSource.PromptTexts([new() { Path = path }]));
        Assert.Equal(["one \ntwo\n", "three"], new DataSource { Path = path, Separator = "***" }.Prompts().Single().Select(d => d.Text.TrimEnd('\t')));
        Assert.Equal(["one \ntwo", "three"], DataSource.PromptTexts([new() { Path = path, Separator = "***" }]));
    }

    [Fact]
    public void Prompts_of_rows_with_answers_are_read_whether_there_is_a_prompt_field_or_not()
    {
        const string Asked = "\n\nHuman: Why?\n\nAssistant:";
        var path = _folder.Write("rows.jsonl", string.Join('\n', """{"prompt":"So? ","chosen":"a","rejected":"a"}""",
            """{"chosen":"\n\nHuman: Why?\n\nAssistant: a","rejected":"\n\nHuman: Why?\n\nAssistant: b"}""", """{"prompt":"And?"}"""));

        Assert.Equal(["So? ", Asked, "And?"], DataSource.PromptTexts([new() { Path = path, Format = DataFormat.Preferences }]));
    }

    [Fact]
    public void A_missing_prompt_is_told_with_the_key_that_names_it()
    {
        var path = _folder.Write("rows.jsonl", """{"question":"a"}""");

        foreach (var format in new[] { DataFormat.Prompts, DataFormat.Preferences })
        {
            Assert.Equal("has no \"prompt\" but \"question\", expected that field; name the right one in the recipe: fields.prompt",
                new DataSource { Path = path, Format = format }.Prompts().Single().Check().Problems.Single().Message);
        }

        Assert.EndsWith("name the right one in the recipe: fields.text", new DataSource { Path = path, Format = DataFormat.Documents }.Prompts().Single().Check().Problems.Single().Message);
    }

    [Fact]
    public void Rows_are_kept_where_every_named_field_has_one_of_its_values()
    {
        var path = _folder.Write("rows.jsonl", string.Join('\n', """{"text":"a","fold":1,"kind":"x"}""", """{"text":"b","fold":2,"kind":"x"}""",
            """{"text":"c","fold":1,"kind":"y"}""", """{"text":"d","fold":3,"kind":"x"}"""));
        var source = new DataSource
        {
            Path = path,
            Format = DataFormat.Documents,
            Keep = new Dictionary<string, IReadOnlyList<string>> { ["fold"] = ["1", "2"], ["kind"] = ["x"] },
        };

        var file = source.Documents().Single();

        Assert.Equal(["a", "b"], file.Select(document => document.Text));
        var check = file.Check();
        Assert.Equal((2, 0), (check.Rows, check.Problems.Count));
        Assert.Equal(new Dictionary<string, long> { ["fold is not to be kept"] = 1, ["kind is not to be kept"] = 1 }, check.Dropped);
    }

    [Fact]
    public void A_field_to_keep_by_that_a_row_lacks_is_a_problem()
    {
        var path = _folder.Write("rows.jsonl", """{"text":"a"}""");
        var source = new DataSource { Path = path, Format = DataFormat.Documents, Keep = new Dictionary<string, IReadOnlyList<string>> { ["fold"] = ["1"] } };

        Assert.Equal("has no \"fold\" but \"text\", expected that field; name the right one in the recipe: keep.fold", source.Documents().Single().Check().Problems.Single().Message);
    }

    [Fact]
    public void All_problems_of_all_files_are_listed_at_once()
    {
        var one = _folder.Write("1.jsonl", "{\"prompt\":\"p\",\"response\":\"r\"}\n{\"prompt\":\"p\"}\nnonsense\n");
        var two = _folder.Write("2.jsonl", "[1]\n");
        var good = _folder.Write("3.jsonl", "{\"prompt\":\"p\",\"response\":\"r\"}\n");
        var files = new DataSource { Path = Path.Combine(_folder.Path, "*.jsonl"), Format = DataFormat.Prompts }.PromptResponses();

        var problems = Assert.Throws<InputException>(() => DataSource.CheckAll(files)).Problems;

        Assert.Equal([$"{one} line 2, byte 30", $"{one} line 3, byte 46", $"{two} line 1, byte 0"], problems.Select(p => p.Key));
        Assert.Equal(1, DataSource.CheckAll(files.Where(file => file.Path == good)).Single().Rows);
        Assert.Equal(one, Assert.Throws<InputException>(() => DataSource.CheckAll(files.Where(file => file.Path == one))).Title);
    }

    [Fact]
    public void Settings_that_do_not_go_together_are_named()
    {
        var json = new DataSource { Path = " ", Format = DataFormat.Documents, Separator = "" };
        var text = new DataSource { Path = "x", Keep = new Dictionary<string, IReadOnlyList<string>> { ["fold"] = ["1"] } };

        Assert.Equal(["path", "separator"], json.Check().Select(p => p.Key));
        Assert.Equal(["keep"], text.Check().Select(p => p.Key));
        Assert.Equal([new Problem("linePerDocument", "is true beside a separator, expected one of the two; leave one of them out")],
            new DataSource { Path = "x", Separator = "", LinePerDocument = true }.Check());
        Assert.Equal([new Problem("fields", "is set, expected nothing beside plain text, which has no fields; leave it out, or set format")],
            new DataSource { Path = "x", Fields = new() { Text = "y" } }.Check());
        var file = _folder.Write("a.txt", "a");
        Assert.Equal([new Problem("except", $"is set beside the single file {file}, expected a folder or a pattern to leave files out of; leave it out, or name a folder")],
            new DataSource { Path = file, Except = ["b*"] }.Check());
        Assert.Empty(new DataSource { Path = _folder.Path, Except = ["b*"] }.Check());
        Assert.Equal([new Problem("data[1].format", "is documents, expected text; set it, or move the source")],
            DataSource.CheckFormats([text, json], "data", DataFormat.Text));
    }
}
