using System.Text.RegularExpressions;
using Attune.Storage.People;

namespace Attune.Web.Tests;

/// <summary>Lists of pages that are longer than a page.</summary>
public sealed partial class LongListTests
{
    private const int Many = 260;

    [Fact]
    public async Task Notices_and_appeals_are_turned_page_by_page_to_the_oldest()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var person = await site.Member(project);
        for (var i = 0; i < Many; i++)
        {
            await site.Database.WriteAsync(transaction => transaction.ExecuteAsync(
                """
                INSERT INTO notices (id, project_id, person_id, firing_id, kind, message, at, appeal_until, appeal, appealed_at)
                VALUES (@Id, @Project, @Person, 'none', 'warn', @Message, @Now, @Now, @Appeal, @Now)
                """, new { Id = transaction.NewId(), Project = project.Id, Person = person.Id, Message = $"notice {i:d3}", Appeal = $"appeal {i:d3}", transaction.Now }));
        }

        var mine = await TurnAsync(await site.SignedIn(person), $"/mine/{project.Id}", Notice());
        var appeals = await TurnAsync(await site.SignedIn(await site.Member(project, Role.Manager)), $"/projects/{project.Id}/rules", Appeal());

        var expected = Enumerable.Range(0, Many).Reverse().Select(i => $"{i:d3}").ToList();
        Assert.Equal((expected.Count, true), (mine.Count, mine.SequenceEqual(expected)));
        Assert.Equal((expected.Count, true), (appeals.Count, appeals.SequenceEqual(expected)));
        var program = await site.Program(await site.Person(Role.Owner), "read");
        var next = (await program.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/appeals?size=200")).GetProperty("next").GetString();
        Assert.Equal(60, (await program.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/appeals?size=200&after={next}")).GetProperty("items").GetArrayLength());
    }

    /// <summary>What all pages show, from the first to the last that another leads to.</summary>
    private static async Task<List<string>> TurnAsync(Visit visit, string first, Regex shown)
    {
        var all = new List<string>();
        for (var path = first; path is not null;)
        {
            var page = await visit.Page(path);
            all.AddRange(shown.Matches(page).Select(match => match.Groups[1].Value));
            path = Next().Match(page) is { Success: true } link ? link.Groups[1].Value.Replace("&amp;", "&", StringComparison.Ordinal) : null;
        }
        return all;
    }

    [GeneratedRegex(@"notice (\d{3})")]
    private static partial Regex Notice();

    [GeneratedRegex(@"appeal (\d{3})")]
    private static partial Regex Appeal();

    [GeneratedRegex("href=\"([^\"]*[?](?:after|appeals)=[^\"]*)\"")]
    private static partial Regex Next();
}
