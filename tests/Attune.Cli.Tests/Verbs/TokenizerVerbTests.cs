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

        Assert.Equal(new Printed(0, $"{{\"folder\":\"{folder}\",\"vocabularySize\":264}}\n", ""), trained);
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
    public async Task Missing_files_are_all_named()
    {
        var printed = await Printed.By("tokenizer", "train", "no1.txt", "no2.txt", "--out", Path.Combine(_root, "mine"));

        Assert.Equal(2, printed.ExitCode);
        Assert.Equal("attune tokenizer train has 2 problems\n  no1.txt  does not exist, expected a text file; check the path\n" +
            "  no2.txt  does not exist, expected a text file; check the path\n", printed.Log);
    }
}
