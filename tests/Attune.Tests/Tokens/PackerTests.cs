using Attune.Tokens;

namespace Attune.Tests.Tokens;

/// <summary>Cases of TRL's tests/test_data_utils.py and torchtune's test_packed_dataset.py.</summary>
public sealed class PackerTests
{
    [Theory]
    [InlineData(PackingStrategy.Wrapped, 3, "1 2 3, 4 5 6 7, 8", "1 2 3 | 4 5 6 | 7, 8")]
    [InlineData(PackingStrategy.Bfd, 4, "1 2 3, 4 5 6 7, 8", "4 5 6 7 | 1 2 3, 8")]
    [InlineData(PackingStrategy.BfdSplit, 4, "1 2 3 4 5, 6 7, 8 9 10 11, 12", "1 2 3 4 | 8 9 10 11 | 6 7, 5, 12")]
    [InlineData(PackingStrategy.Bfd, 4, "1 2 3 4 5, 6 7, 8 9 10 11, 12", "1 2 3 4 | 8 9 10 11 | 6 7, 12")]
    [InlineData(PackingStrategy.BfdSplit, 5, "1 2 3 4 5, 6, 7 8 9 10, 11 12 13", "1 2 3 4 5 | 7 8 9 10, 6 | 11 12 13")]
    [InlineData(PackingStrategy.Bfd, 4, "1 2, , 3 4 5, , 6", "3 4 5, 6 | 1 2")]
    [InlineData(PackingStrategy.BfdSplit, 4, "1 2, , 3 4 5, , 6", "3 4 5, 6 | 1 2")]
    [InlineData(PackingStrategy.Wrapped, 4, "1 2, , 3 4 5, , 6", "1 2, 3 4 | 5, 6")]
    [InlineData(PackingStrategy.Bfd, 4, "1 2 3, 4 5 6, 7, 8", "1 2 3, 7 | 4 5 6, 8")] // equally good rows: the oldest
    [InlineData(PackingStrategy.Wrapped, 4, "", "")]
    public void Documents_share_rows(PackingStrategy strategy, int width, string documents, string rows) =>
        Assert.Equal(rows, Written(Packer.Pack(Documents(documents), width, strategy)));

    [Theory]
    [InlineData(PackingStrategy.Wrapped)]
    [InlineData(PackingStrategy.Bfd)]
    [InlineData(PackingStrategy.BfdSplit)]
    public void Both_columns_move_together(PackingStrategy strategy)
    {
        var drawn = new Drawn(7);
        var documents = Enumerable.Range(0, 200).Select(_ => Enumerable.Range(0, drawn.Below(20)).Select(_ => drawn.Below(100)).ToArray())
            .Select(ids => new TokenRow(ids, [.. ids.Select(id => id % 2 == 0)])).ToArray();

        var packs = Packer.Pack(documents, 12, strategy).ToArray();

        Assert.All(packs, pack => Assert.InRange(pack.Sum(part => part.Length), 1, 12));
        Assert.All(packs.SelectMany(pack => pack), part => Assert.Equal(part.Ids.Select(id => id % 2 == 0), part.LossMask));
        var expected = strategy == PackingStrategy.Bfd ? documents.Sum(document => Math.Min(12, document.Length)) : documents.Sum(document => document.Length);
        Assert.Equal(expected, packs.Sum(pack => pack.Sum(part => part.Length)));
    }

    [Fact]
    public void Segments_are_numbered_and_positions_start_anew()
    {
        // TRL, packs of lengths [3,3] and [4,1]: positions 0,1,2,0,1,2 and 0,1,2,3,0
        var batch = Packer.Batch([Documents("1 2 3, 4 5 6"), Documents("7 8 9 10, 11")], width: 6, paddingId: 99);

        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 99], batch.Ids);
        Assert.Equal([1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 2, 0], batch.Segments);
        Assert.Equal([0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 0, 0], batch.Positions);
        Assert.Equal([false, true, true, false, true, true, false, true, true, true, false, false], batch.LossMask);
        Assert.Equal((7, 11), (batch.LossTokens, batch.RealTokens));
    }

    [Fact]
    public void Rows_are_those_of_torchtune()
    {
        // Three documents, ten tokens a row, cut where a row ends, positions going on. Padding has position 0 here, 9 there.
        var documents = Documents("0 4 2 1 7 4 -1, 0 1 9 5 2 6 4 3 8 -1, 0 4 3 4 3 2 5 7 -1");

        var batch = Packer.Batch([.. Packer.Pack(documents, 10, PackingStrategy.Wrapped)], 10, paddingId: 0, continuePositions: true);

        Assert.Equal([0, 4, 2, 1, 7, 4, -1, 0, 1, 9, 5, 2, 6, 4, 3, 8, -1, 0, 4, 3, 4, 3, 2, 5, 7, -1, 0, 0, 0, 0], batch.Ids);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0], batch.Positions);
        Assert.Equal([1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0], batch.Segments);
        // Labels are shifted here: at each place the token to predict, -100 for none. One deviation from torchtune: where a row's end cuts a
        // document, torchtune's last place predicts the token that begins the next row (5 and 4); here that token has nothing before it in
        // its row, so it is never predicted, and a cut costs one prediction.
        Assert.Equal(
        [
            4, 2, 1, 7, 4, -1, -100, 1, 9, -100,
            2, 6, 4, 3, 8, -1, -100, 4, 3, -100,
            3, 2, 5, 7, -1, -100, -100, -100, -100, -100,
        ], Labels(batch));
    }

    private static int[] Labels(TokenBatch batch) => [.. Enumerable.Range(0, batch.Ids.Length).Select(at =>
        (at + 1) % batch.Width > 0 && batch.LossMask[at + 1] ? batch.Ids[at + 1] : -100)];

    internal static TokenRow[] Documents(string text) => text.Length == 0 ? [] :
        [.. text.Split(',').Select(part => TokenRow.Whole([.. part.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)]))];

    private static string Written(IEnumerable<IReadOnlyList<TokenRow>> rows) =>
        string.Join(" | ", rows.Select(row => string.Join(", ", row.Select(part => string.Join(' ', part.Ids)))));
}
