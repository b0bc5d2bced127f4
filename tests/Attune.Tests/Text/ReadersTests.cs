using System.IO.Compression;
using System.Text;

using Attune.Runs;
using Attune.Text;

namespace Attune.Tests.Text;

public sealed class ReadersTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Documents_are_read_plain_and_compressed_alike()
    {
        const string Rows = "{\"text\": \"one\", \"id\": 7}\n\n{\"text\": \"zwei ü 🦙\\n\", \"id\": \"b\"}\r\n{\"text\": \" \"}";
        var plain = Readers.Documents(_folder.Write("a.jsonl", Rows), new());
        var gzip = Readers.Documents(_folder.Write("a.jsonl.gz", Gzip(Rows)), new());
        var marked = Readers.Documents(_folder.Write("b.jsonl", "\uFEFF" + Rows), new());

        Document[] expected = [new("one", "7"), new("zwei ü 🦙\n", "b")];
        Assert.Equal(expected, plain);
        Assert.Equal(expected, gzip);
        Assert.Equal(expected, marked);
        Assert.Equal(expected, plain); // again, from the start
        Assert.Equal("2 rows, empty text 1", Summary(plain.Check()));
    }

    [Fact]
    public void Fields_are_found_by_their_mapping()
    {
        var path = _folder.Write("a.jsonl", """{"instruction": "Why?", "answer": {"text": "So."}, "a.b": 1}""");

        var rows = Readers.PromptResponses(path, new() { Prompt = "instruction", Response = "answer.text", Id = "a.b" });

        Assert.Equal([new PromptResponse("Why?", "So.", "1")], rows);
    }

    [Fact]
    public void Messages_become_conversations()
    {
        var path = _folder.Write("a.jsonl", """
            {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}, {"role": "assistant", "content": "A"}]}
            {"messages": [{"role": "user", "content": "U"}]}
            """);
        var other = _folder.Write("b.jsonl", """{"conversations": [{"from": "human", "value": "U"}, {"from": "gpt", "value": "A"}]}""");

        var rows = Readers.Conversations(path, new());
        var mapped = Readers.Conversations(other, new() { Messages = "conversations", Role = "from", Content = "value" });

        Assert.Equal([new(Role.System, "S"), new(Role.User, "U"), new(Role.Assistant, "A")], Assert.Single(rows).Messages);
        Assert.Equal([new(Role.User, "U"), new(Role.Assistant, "A")], Assert.Single(mapped).Messages);
        Assert.Equal("1 rows, no answer 1", Summary(rows.Check()));
    }

    [Fact]
    public void Preferences_are_read_in_each_form()
    {
        var path = _folder.Write("a.jsonl", """
            {"prompt": "P", "chosen": "C", "rejected": "R", "pChosen": 0.75, "judges": 4, "strength": 2, "id": "x", "chosenId": 1, "rejectedId": 2, "group": "g"}
            {"chosen": "\n\nHuman: Hi\n\nAssistant: C", "rejected": "\n\nHuman: Hi\n\nAssistant: R"}
            {"chosen": "The sky is blue.", "rejected": "The sky is green."}
            {"chosen": "same", "rejected": "same"}
            """);

        var rows = Readers.Preferences(path, new());

        Assert.Equal(
            [
                new("P", "C", "R") { PChosen = 0.75, Judges = 4, Strength = 2, Id = "x", ChosenId = "1", RejectedId = "2", Group = "g" },
                new("\n\nHuman: Hi\n\nAssistant:", " C", " R"),
                new("The sky is", " blue.", " green."),
            ], rows);
        Assert.Equal("3 rows, chosen equals rejected 1", Summary(rows.Check()));
    }

    [Fact]
    public void Plain_text_is_cut_as_asked()
    {
        var path = _folder.Write("a.txt", "one\ntwo\n<|end|>\nthree\r\nfour\n<|end|>\n<|end|>\nfive\n");

        Assert.Equal(["one\ntwo", "three\nfour", "five"], Texts(new() { Separator = "<|end|>" }));
        Assert.Equal(["one\ntwo\n<|end|>\nthree\nfour\n<|end|>\n<|end|>\nfive"], Texts(new()));
        Assert.Equal(8, Texts(new() { LinePerDocument = true }).Count());
        Assert.Equal("3 rows, empty document 1", Summary(Readers.PlainText(path, new() { Separator = "<|end|>" }).Check()));

        IEnumerable<string> Texts(PlainTextOptions options) => Readers.PlainText(path, options).Select(document => document.Text);
    }

    [Fact]
    public void A_line_longer_than_the_buffer_is_read_whole()
    {
        var text = new string('x', 300_000);
        var path = _folder.Write("a.jsonl.gz", Gzip($"{{\"text\": \"{text}\"}}\n{{\"text\": \"y\"}}\n{{\"text\" \"z\"}}"));
        var rows = Readers.Documents(path, new());

        Assert.Equal([text, "y"], rows.Take(2).Select(document => document.Text));
        Assert.Equal($"line 3, byte {300_012 + 1 + 13 + 1 + 8}", Assert.Single(rows.Check().Problems).Key);
    }

    [Fact]
    public void A_line_without_an_end_in_sight_is_refused()
    {
        var path = _folder.Write("a.txt", $"x\n{new string('y', 200_000)}\n");

        using (var reader = LineReader.Open(path, longest: 1 << 17))
        {
            Assert.Equal(1, reader.Next()!.Value.Number);
            Assert.Equal($"{path} has 1 problem\n  line 2, byte 2  is a line of 131072 bytes or more, expected a shorter one; put line breaks between its documents, or name another file",
                Assert.Throws<InputException>(() => reader.Next()).Message);
        }

        Assert.Equal(2, Readers.PlainText(path, new() { LinePerDocument = true }).Count());
    }

    [Fact]
    public void A_field_that_stands_twice_is_named_with_its_line()
    {
        var check = Readers.Documents(_folder.Write("a.jsonl", "{\"text\": \"x\"}\n{\"text\": \"a\", \"more\": {\"b\": 1, \"b\": 2}}\n{\"text\": \"a\", \"text\": \"b\"}\n"), new()).Check();

        static Problem Twice(string key, string field) =>
            new(key, $"has a field twice (Duplicate property '{field}' encountered during deserialization), expected each field of an object once; remove one of them");
        Assert.Equal([Twice("line 2, byte 14", "b"), Twice("line 3, byte 54", "text")], check.Problems);
    }

    [Fact]
    public void All_bad_lines_are_named_at_once()
    {
        var path = _folder.Write("a.jsonl", [.. "{\"prompt\": \"ü\", \"response\": \"x\"}\n{\"prompt\": 3, \"response\": \"x\"}\n[1]\n{\"prompt\": \"x\", \"answer\": \"y\"}\n{\"prompt\": \"\\ud800\", \"response\": \"\"}\n{\"a\": "u8, 0xFF, .. "}\n{\"prompt\" 1}"u8]);

        var check = Readers.PromptResponses(path, new()).Check();

        Assert.Equal($$"""
            {{path}} has 6 problems
              line 2, byte 34   has "prompt" that is a number, expected a string; correct it, or name another field in the recipe: fields.prompt
              line 3, byte 65   holds a list, expected a JSON object, one a line; write each row as {"field": value, ...} on a line of its own
              line 4, byte 69   has no "response" but "prompt", "answer", expected that field; name the right one in the recipe: fields.response
              line 5, byte 100  has "prompt" that holds half of a surrogate pair, expected well-formed Unicode; correct it, or name another field in the recipe: fields.prompt
              line 6, byte 143  holds byte 0xFF, which is not UTF-8, expected UTF-8 text; convert the file to UTF-8, or remove the line
              line 7, byte 156  is not valid JSON, expected a JSON object, one a line; correct the line or remove it
            """, Assert.Throws<InputException>(() => check.ThrowIfBad()).Message);
        Assert.Equal(1, check.Rows);
        Assert.Equal(2, Readers.PromptResponses(path, new()).Check(most: 2).Problems.Count);
        Assert.Equal("line 2, byte 34", Assert.Throws<InputException>(() => Readers.PromptResponses(path, new()).ToList()).Problems.Single().Key);
    }

    [Theory]
    [InlineData("""{"chosen": "a", "rejected": "b", "pChosen": 1.5}""", """has "pChosen" that is 1.5, expected at least 0 and at most 1; correct it, or name another field in the recipe: fields.pChosen""")]
    [InlineData("""{"chosen": "a", "rejected": "b", "judges": 0}""", """has "judges" that is 0, expected at least 1; correct it, or name another field in the recipe: fields.judges""")]
    [InlineData("""{"chosen": "a", "rejected": "b", "judges": 2.5}""", """has "judges" that is 2.5, expected a whole number; correct it, or name another field in the recipe: fields.judges""")]
    [InlineData("""{"chosen": "a", "rejected": "b", "strength": "x"}""", """has "strength" that is a string, expected a number; correct it, or name another field in the recipe: fields.strength""")]
    [InlineData("""{"chosen": "a"}""", """has no "rejected" but "chosen", expected that field; name the right one in the recipe: fields.rejected""")]
    [InlineData("""{"chosen": [], "rejected": "b"}""", """has "chosen" that is a list, expected a string; correct it, or name another field in the recipe: fields.chosen""")]
    public void A_bad_pair_is_named(string row, string problem) => AssertProblem(Readers.Preferences(_folder.Write("a.jsonl", row), new()), "line 1, byte 0", problem);

    [Theory]
    [InlineData("""{"text": "a", "fold": "\ud800"}""")]
    [InlineData("""{"\ud800": "a", "fold": "0"}""")] // named where the fields are listed
    public void Half_a_surrogate_pair_beside_the_text_is_named(string row)
    {
        var keep = new Dictionary<string, IReadOnlyList<string>> { ["fold"] = ["0"] };

        AssertProblem(Readers.Documents(_folder.Write("a.jsonl", row), new(), keep), "line 1, byte 0",
            "holds half of a surrogate pair, expected well-formed Unicode; correct the line or remove it");
    }

    [Theory]
    [InlineData("""{"messages": []}""", """has "messages" that is empty, expected a list of messages; correct it, or name another field in the recipe: fields.messages""")]
    [InlineData("""{"messages": "x"}""", """has "messages" that is a string, expected a list of messages; correct it, or name another field in the recipe: fields.messages""")]
    [InlineData("""{"messages": [3]}""", """has "messages" that holds a number, expected objects with role and content; correct it, or name another field in the recipe: fields.messages""")]
    [InlineData("""{"messages": [{"role": "tool", "content": ""}]}""", "has a message by 'tool', expected system, user or assistant; rename the role, or remove the row")]
    public void A_bad_conversation_is_named(string row, string problem) => AssertProblem(Readers.Conversations(_folder.Write("a.jsonl", row), new()), "line 1, byte 0", problem);

    [Fact]
    public void Bad_bytes_in_plain_text_are_named()
    {
        var path = _folder.Write("a.txt", [.. "über\nx"u8, 0xC3, 0x28]);

        AssertProblem(Readers.PlainText(path, new()), "line 2, byte 7", "holds byte 0xC3, which is not UTF-8, expected UTF-8 text; convert the file to UTF-8, or remove the line");
    }

    [Fact]
    public void Files_that_cannot_be_read_are_named()
    {
        AssertProblem(Readers.Documents(Path.Combine(_folder.Path, "none.jsonl"), new()), "", "does not exist, expected a file; correct the path");
        AssertProblem(Readers.Documents(Path.Combine(_folder.Path, "no", "none.jsonl"), new()), "", "does not exist, expected a file; correct the path");
        AssertProblem(Readers.Documents(_folder.Path, new()), "", "is a folder, expected a file; name a file in it");
        AssertProblem(Readers.Documents(_folder.Write("empty.jsonl", ""), new()), "", "is empty, expected at least one row; get the file again, or name another");
        AssertProblem(Readers.Documents(_folder.Write("empty.jsonl.gz", ""), new()), "", "is empty, expected at least one row; get the file again, or name another");
        AssertProblem(Readers.PlainText(_folder.Write("blank.txt", "\n \n"), new()), "", "has 1 rows of which none can be used, expected at least one; name another file");
        AssertProblem(Readers.Documents(_folder.Write("plain.jsonl.gz", "{\"text\": \"x\"}"), new()), "", "is not gzip though its name ends in .gz, expected a gzip file; get the file again, or rename it if it is not compressed");
    }

    [Fact]
    public void A_pipe_and_a_file_that_somebody_holds_are_named()
    {
        var pipe = Path.Combine(_folder.Path, "pipe");
        using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe]))
            made.WaitForExit();
        using var writer = new FileStream(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite); // else opening would wait for one
        AssertProblem(Readers.Documents(pipe, new()), "", "is a pipe or a device, expected a file, which can be read several times; write its content to a file first");

        var held = _folder.Write("held.jsonl", "{}");
        using var holder = new FileStream(held, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.Matches(@"^cannot be read \(.+\), expected a readable file; check the disk, and that no other program holds the file$",
            Assert.Single(Readers.Documents(held, new()).Check().Problems).Message);
    }

    [Fact]
    public void A_gzip_file_that_breaks_off_is_named_wherever_it_breaks()
    {
        var text = string.Concat(Enumerable.Range(0, 2_000).Select(row => $"{{\"text\": \"row {row} {row * 7919 % 1000}\"}}\n"));
        var whole = Gzip(text);
        foreach (var length in new[] { 12, whole.Length / 2, whole.Length - 9, whole.Length - 4, whole.Length - 1 })
        {
            var problem = Readers.Documents(_folder.Write("cut.jsonl.gz", whole[..length]), new()).Check().Problems[^1];
            Assert.EndsWith("is where the gzip data breaks off or is damaged, expected a whole gzip file; get the file again", problem.Message);
        }
        whole[whole.Length / 2] ^= 0x40;
        Assert.NotEmpty(Readers.Documents(_folder.Write("damaged.jsonl.gz", whole), new()).Check().Problems);
    }

    [Fact]
    public void A_gzip_file_of_several_members_is_read_whole()
    {
        var path = _folder.Write("a.jsonl.gz", [.. Gzip("{\"text\": \"a\"}\n{\"te"), .. Gzip("xt\": \"b\"}")]);

        Assert.Equal([new Document("a"), new Document("b")], Readers.Documents(path, new()));
    }

    [FixtureFact]
    public void The_helpful_and_harmless_data_has_the_published_rows_and_parts()
    {
        // data/README.md: rows, equal pairs, and sizes of the parts by prompt hash
        var rows = new List<PreferencePair>();
        long equal = 0;
        foreach (var name in new[] { "helpful-base", "helpful-online", "helpful-rejection-sampled", "harmless-base" })
        {
            var file = Readers.Preferences(Fixtures.Path($"data/hh-rlhf/{name}/test.jsonl.gz"), new());
            equal += file.Check().ThrowIfBad().Dropped.Values.Sum();
            rows.AddRange(file);
        }
        Assert.Equal((8_516, 36), (rows.Count, equal));
        var parts = rows.CountBy(row => HashSplit.Of(row.Prompt)).ToDictionary();
        Assert.Equal((6_754, 864, 898), (parts[DataPart.Train], parts[DataPart.Dev], parts[DataPart.Test]));
        Assert.All(rows, row => Assert.EndsWith("\n\nAssistant:", row.Prompt));
        // Counted apart: dialogues of unequal prompts, which part before their last answer.
        Assert.Equal(17, rows.Count(row => row.Chosen.Contains("\n\nAssistant:") || row.Rejected.Contains("\n\nAssistant:")));
    }

    private static void AssertProblem<T>(DataFile<T> file, string key, string message)
        where T : class
    {
        Assert.Equal(new Problem(key, message), Assert.Single(file.Check().Problems));
        Assert.Equal(new Problem(key, message), Assert.Single(Assert.Throws<InputException>(() => file.ToList()).Problems));
    }

    private static string Summary(DataCheck check) => string.Join(", ", [$"{check.Rows} rows", .. check.Dropped.Select(reason => $"{reason.Key} {reason.Value}"), .. check.Problems.Select(problem => problem.Message)]);

    private static byte[] Gzip(string text)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Optimal))
            gzip.Write(Encoding.UTF8.GetBytes(text));
        return buffer.ToArray();
    }
}
