using Attune.Feedback;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Tests.Feedback;

public sealed class AnnotatorsTests
{
    private static readonly string[] Ids = Enumerable.Range(1, 12).Select(i => $"p-{i:00}").ToArray();

    [Fact]
    public void The_split_is_drawn_from_the_seed_and_its_groups_are_disjoint()
    {
        var split = Annotators.Split(Ids, heldOut: 5, new Seed(3));

        Assert.Equal(5, split.Of(AnnotatorGroup.HeldOut).Count);
        Assert.Equal(7, split.Of(AnnotatorGroup.Training).Count);
        Assert.Equal(Ids, split.People.Select(p => p.Id));
        Assert.Equal(split.People, Annotators.Split(Ids, 5, new Seed(3)).People);
        Assert.NotEqual(split.People, Annotators.Split(Ids, 5, new Seed(4)).People);
        Assert.Null(split.GroupOf("nobody"));
        Assert.Throws<ArgumentException>(() => Annotators.Split(["a", "a"], 1, new Seed(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Annotators.Split(["a"], 2, new Seed(1)));
    }

    [Fact]
    public void A_stored_split_is_not_drawn_again()
    {
        using var folder = new TemporaryFolder();
        var path = folder.PathOf("annotators.json");
        var first = Annotators.LoadOr(path, Annotators.Split(Ids, 5, new Seed(3)));
        var second = Annotators.LoadOr(path, Annotators.Split(Ids, 6, new Seed(4)));

        Assert.Equal(first.People, second.People);
        Assert.Equal("0000000000000003", second.SplitSeed);
        Assert.Equal(first.People, Annotators.Load(folder.Write("marked.json", "\uFEFF" + File.ReadAllText(path))).People);
    }

    [Fact]
    public void Someone_in_both_groups_is_refused()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("annotators.json", """{"splitSeed":"1","people":[{"id":"p","group":"training"},{"id":"p","group":"held-out"}]}""");

        Assert.Contains("is there 2 times, expected each annotator once, in one group", Assert.Throws<InputException>(() => Annotators.Load(path)).Message, StringComparison.Ordinal);
        Assert.Throws<InputException>(() => Annotators.Load(folder.Write("broken.json", """{"splitSeed":"1","people":[{"id":"p","group":"both"}]}""")));
    }
}
