using System.IO.Compression;

namespace Attune.Cli.Tests.Verbs;

public sealed class TokenizerVerbTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("attune-tokenizer-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task A_trained_tokenizer_encodes_and_decodes()
    {
        var (corpus, folder) = (Path.Combine(_root, "corpus.txt"), Path.Combine(_root, "mine"));
        await File.WriteAllTextAsync(corpus, "the cat sat on the mat, the cat sat still");

        var trained = await Printed.By("tokenizer", "train", corpus, "--vocabulary", "264", "--out", folder, "--json");
        var encoded = await Printed.By("@the cat", ["tokenizer", "encode", folder]);
        var decoded = await Printed.By(encoded.Result, ["tokenizer", "decode", folder]);

        Assert.Equal((0, $"{{\"folder\":\"{folder}\",\"documents\":1,\"vocabularySize\":264}}\n"), (trained.ExitCode, trained.Result));
        Assert.Contains("read  1/1 documents", trained.Log);
        Assert.Contains("learn  264/264 pieces", trained.Log);
        Assert.Equal(new Printed(0, "@the cat\n", ""), decoded);
    }

    [Fact]
    public async Task An_id_beyond_the_vocabulary_is_named()
    {
        var (corpus, folder) = (Path.Combine(_root, "corpus.txt"), Path.Combine(_root, "mine"));
        await File.WriteAllTextAsync(corpus, "aaaa");
        await Printed.By("tokenizer", "train", corpus, "--vocabulary", "258", "--out", folder);

        var printed = await Printed.By("tokenizer", "decode", folder, "--ids", "5 999");

        Assert.Equal(new Printed(2, "", "--ids has 1 problem\n  number 2  is 999, expected a whole number from 0 to 257; give ids with spaces between, as attune tokenizer encode prints them\n"), printed);
    }

    [Fact]
    public async Task A_folder_a_pattern_and_gzip_give_what_their_files_give()
    {
        await File.WriteAllTextAsync(Path.Combine(_root, "a.txt"), "the cat sat on the mat");
        await File.WriteAllTextAsync(Path.Combine(_root, "b.txt"), "the cat sat still");
        using (var gzip = new GZipStream(File.Create(Path.Combine(_root, "c.txt.gz")), CompressionLevel.Fastest))
            gzip.Write("the hat\n\nthe rat"u8);
        async Task<(string, byte[])> Trained(string name, params string[] data)
        {
            var printed = await Printed.By(["tokenizer", "train", .. data, "--vocabulary", "264", "--separator", "", "--out", Path.Combine(_root, name, "mine"), "--json"]);
            return (printed.Result, File.ReadAllBytes(Path.Combine(_root, name, "mine", "tokenizer.json")));
        }

        var (counted, byFile) = await Trained("1", Path.Combine(_root, "a.txt"), Path.Combine(_root, "b.txt"), Path.Combine(_root, "c.txt.gz"));
        var (_, byFolder) = await Trained("2", _root);
        var (_, byPattern) = await Trained("3", Path.Combine(_root, "*.txt"), Path.Combine(_root, "*.gz"));

        Assert.Contains("\"documents\":4,", counted);
        Assert.Equal(byFile, byFolder);
        Assert.Equal(byFile, byPattern);
    }

    [Fact]
    public async Task Json_lines_are_read_by_their_text()
    {
        var (corpus, folder) = (Path.Combine(_root, "corpus.jsonl"), Path.Combine(_root, "mine"));
        await File.WriteAllTextAsync(corpus, "{\"text\":\"xyxyxyxy\"}\n{\"text\":\"xyxy\"}\n");
        await Printed.By("tokenizer", "train", corpus, "--format", "documents", "--vocabulary", "259", "--out", folder);

        Assert.Equal("2\n", (await Printed.By("tokenizer", "encode", folder, "--text", "xyxy")).Result.Split(' ').Length + "\n");
    }

    [Fact]
    public async Task Bad_text_is_named_by_place_and_nothing_is_written()
    {
        var (bad, empty) = (Path.Combine(_root, "bad.txt"), Path.Combine(_root, "empty.txt"));
        await File.WriteAllBytesAsync(bad, [.. "good\nbad "u8, 0xFF, .. " line\n"u8]);
        await File.WriteAllTextAsync(empty, "");

        var printed = await Printed.By("tokenizer", "train", bad, empty, Path.Combine(_root, "no.txt"), "--out", Path.Combine(_root, "mine"));

        Assert.Equal(new Printed(2, "", "The data has 3 problems\n" +
            $"  {bad} line 2, byte 9  holds byte 0xFF, which is not UTF-8, expected UTF-8 text; convert the file to UTF-8, or remove the line\n" +
            $"  {empty}{"".PadRight(14)} is empty, expected at least one row; get the file again, or name another\n" +
            $"  {_root}/no.txt{"".PadRight(17)} does not exist, expected a file; correct the path\n"), printed);
        Assert.False(Directory.Exists(Path.Combine(_root, "mine")));
    }

    [Theory]
    [InlineData("--vocabulary 10", "--vocabulary  is 10, expected at least 258: 256 bytes and 2 added tokens; 4096 is usual for a small model")]
    [InlineData("--format messages", "--format  is messages, expected text or documents; set it, or move the source")]
    [InlineData("--format documents --separator x", "--separator  is set, expected nothing beside JSON rows; set format to text, or leave separator and linePerDocument out")]
    [InlineData("--format nothing", "--format  is nothing, expected text or documents; see attune tokenizer train --help")]
    public async Task A_bad_option_is_refused_before_anything_is_read(string options, string problem)
    {
        var printed = await Printed.By(["tokenizer", "train", "no.txt", "--out", Path.Combine(_root, "mine"), .. options.Split(' ')]);

        Assert.Equal(new Printed(2, "", $"attune tokenizer train has 1 problem\n  {problem}\n"), printed);
    }

    [Fact]
    public async Task Standard_input_is_read_to_the_byte_also_behind_a_mark_of_its_order()
    {
        var corpus = Path.Combine(_root, "corpus.txt");
        await File.WriteAllTextAsync(corpus, "text");
        await Printed.By("tokenizer", "train", corpus, "--vocabulary", "258", "--out", Path.Combine(_root, "mine"));
        Task<Printed> Encode(params byte[] bytes) => ProgramProcess.RunOn(bytes, "tokenizer", "encode", Path.Combine(_root, "mine"));

        Assert.Equal(4, (await Encode(0xEF, 0xBB, 0xBF, (byte)'a')).Result.Split(' ').Length); // a token a byte
        Assert.Equal(new Printed(2, "", "Standard input has 1 problem\n  holds bytes 0xFF, which are not UTF-8, expected UTF-8 text; convert it to UTF-8\n"), await Encode(0xEF, 0xBB, 0xBF, (byte)'a', 0xFF));
        Assert.Equal(2, (await Encode(0xFF, 0xFE, (byte)'a', 0)).ExitCode);
    }

    [Fact]
    public async Task Missing_files_are_all_named()
    {
        var printed = await Printed.By("tokenizer", "train", "no1.txt", "no2.txt", "--out", Path.Combine(_root, "mine"));

        Assert.Equal(2, printed.ExitCode);
        Assert.Equal("The data has 2 problems\n  no1.txt  does not exist, expected a file; correct the path\n" +
            "  no2.txt  does not exist, expected a file; correct the path\n", printed.Log);
    }
}
