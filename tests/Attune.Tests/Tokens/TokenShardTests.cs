using Attune.Runs;
using Attune.Tokens;

namespace Attune.Tests.Tokens;

public sealed class TokenShardTests : IDisposable
{
    private static readonly Tokenizer Small = TokenizerTests.Trained();
    private readonly TemporaryFolder _folder = new();

    private string Shard => Path.Combine(_folder.Path, "a.tokens");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Documents_are_read_back_also_empty_ones()
    {
        int[][] documents = [[1, 2, 3], [], [288]];

        TokenShard.Write(Shard, documents, Small);
        var shard = TokenShard.Load(Shard, Small);

        Assert.Equal((3, 4), (shard.Documents, shard.Tokens));
        Assert.Equal(documents, Enumerable.Range(0, 3).Select(document => shard[document].ToArray()));
        Assert.Equal(64 + 4 * 2 + 3 * 8, new FileInfo(Shard).Length);
    }

    [Fact]
    public void A_large_vocabulary_takes_four_bytes_an_id()
    {
        var large = new Tokenizer(Small.Definition with { Added = [new(70_000, "<end>")], Roles = new() }, "made up");

        TokenShard.Write(Shard, [[70_000, 5]], large);

        Assert.Equal([70_000, 5], TokenShard.Load(Shard, large)[0].ToArray());
        Assert.Equal(64 + 2 * 4 + 8, new FileInfo(Shard).Length);
    }

    [Fact]
    public void Files_that_do_not_fit_are_named()
    {
        TokenShard.Write(Shard, [[1, 2, 3]], Small);
        var bytes = File.ReadAllBytes(Shard);

        AssertRefused("was made with another tokenizer, expected the one in use; make it again, or name the tokenizer it was made with", TokenizerTests.Made([]));
        File.WriteAllBytes(Shard, bytes[..^1]);
        AssertRefused("has 77 bytes, expected those of 3 tokens and 1 documents; make it again; it may be cut short", Small);
        File.WriteAllBytes(Shard, [.. bytes[..64], 0xFF, 0xFF, .. bytes[66..]]);
        AssertRefused("holds ends or ids that cannot be, expected ends in order and ids of the vocabulary; make it again; it is damaged", Small);
        File.WriteAllText(Shard, "text");
        AssertRefused("is no file of tokens of this version, expected one that begins with ATTUNETK and 1; make it again with 'attune data'", Small);
        File.Delete(Shard);
        AssertRefused("does not exist, expected a file of tokens; make it with 'attune data'", Small);
    }

    [Fact]
    public void An_id_beyond_the_vocabulary_leaves_no_file()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => TokenShard.Write(Shard, [[1], [400]], Small));

        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    private void AssertRefused(string problem, Tokenizer tokenizer)
    {
        var error = Assert.Throws<InputException>(() => TokenShard.Load(Shard, tokenizer));
        Assert.Equal($"{Shard} has 1 problem\n  {problem}", error.Message);
    }
}
