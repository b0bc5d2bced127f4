using System.Reflection;

namespace Attune.Tests.Architecture;

public sealed class FolderOrderTests
{
    private const string MadeUp = "Attune.Tests.Architecture.MadeUp";

    private static readonly string[] Folders =
        ["Runs", "Text", "Tokens", "Models", "Rollouts", "Feedback", "Rewards", "Updates", "Evaluation", "Loop"];

    [Fact]
    public void A_folder_uses_only_folders_with_a_smaller_number()
    {
        var violations = new FolderOrder("Attune", Folders).Violations(Assembly.Load("Attune"));

        Assert.True(violations.Count == 0, "Move the shared type to the lower folder, or the use to the higher one:\n" + string.Join('\n', violations));
    }

    [Fact]
    public void Every_type_lives_in_a_folder_of_the_pipeline()
    {
        Assert.Empty(new FolderOrder("Attune", Folders).Homeless(Assembly.Load("Attune")));
    }

    [Fact]
    public void Every_folder_of_the_project_has_a_number()
    {
        var unknown = Directory.GetDirectories(Repository.PathOf("src/Attune")).Select(path => Path.GetFileName(path)!)
            .Except([.. Folders, "bin", "obj"]);

        Assert.Empty(unknown);
    }

    [Theory]
    [InlineData("Inherits")]
    [InlineData("Holds")]
    [InlineData("Returns")]
    [InlineData("TakesList")]
    [InlineData("Calls")]
    [InlineData("CallsInClosure")]
    [InlineData("CallsAcrossAwait")]
    [InlineData("Creates")]
    [InlineData("NamesType")]
    [InlineData("Catches")]
    [InlineData("IsMarked")]
    [InlineData("CallsGeneric")]
    [InlineData("Constrains`1")]
    public void Every_way_to_use_a_later_folder_is_a_violation(string name)
    {
        var violations = new FolderOrder(MadeUp, ["Early", "Late"]).Violations(typeof(FolderOrderTests).Assembly);

        Assert.Contains(violations, violation => violation.StartsWith($"Early.{name} uses Late.", StringComparison.Ordinal));
    }

    [Fact]
    public void Use_of_an_earlier_folder_or_of_its_own_is_no_violation()
    {
        var violations = new FolderOrder(MadeUp, ["Late", "Early"]).Violations(typeof(FolderOrderTests).Assembly);

        Assert.Empty(violations);
    }

    [Fact]
    public void A_type_outside_the_folders_is_homeless()
    {
        Assert.Contains("Late.Improvement", new FolderOrder(MadeUp, ["Early"]).Homeless(typeof(FolderOrderTests).Assembly));
    }
}
