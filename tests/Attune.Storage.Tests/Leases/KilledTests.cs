using Attune.Storage.Tests.Testing;

namespace Attune.Storage.Tests.Leases;

public sealed class KilledTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task A_program_killed_again_and_again_loses_no_answer_that_it_acknowledged(DatabaseKind kind)
    {
        const int Kills = 3;
        var folder = Directory.CreateTempSubdirectory("attune-killed-");
        var url = kind == DatabaseKind.Sqlite ? Path.Combine(folder.FullName, "attune.db") : PostgresServer.Shared.NewDatabase();
        string project;
        await using (var database = await Database.OpenAsync(url))
        {
            project = (await database.Projects.CreateAsync("Killed", new() { Overlap = 3, MaximumOverlap = 3, LeaseMinutes = 60 }, null)).Id;
            await database.Tasks.AddAsync(project, TestDatabase.Pairs(1_000), null);
            for (var i = 0; i < 8; i++)
            {
                var person = await database.People.CreateAsync(new() { DisplayName = $"Person {i}" }, null);
                await database.Projects.SetMemberAsync(project, person.Id, Storage.People.Role.Annotator, null);
            }
        }

        var acknowledged = new List<string>();
        for (var kill = 0; kill < Kills; kill++)
        {
            using var program = AnnotatorProcess.Start("submit", url, project);
            for (var answers = 0; answers < 40 + (kill * 17); answers++)
                acknowledged.Add(await program.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException(await program.StandardError.ReadToEndAsync()));
            program.Kill(); // kill -9, with answers of eight people under way
            await program.WaitForExitAsync();
            acknowledged.AddRange((await program.StandardOutput.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line.Length == 36));
        }

        await using (var database = await Database.OpenAsync(url))
        {
            var log = await database.Judgments.ReadAsync(project, new());
            Assert.Equal(acknowledged.Count, acknowledged.Distinct().Count());
            Assert.Empty(acknowledged.Except(log.Select(judgment => judgment.Id)));
            Assert.Equal(log.Count, log.Select(judgment => judgment.Comment).Distinct().Count()); // a lease's id each: none is there twice
            Assert.InRange(log.Count - acknowledged.Count, 0, Kills * 8); // of each caller at most the one that was under way
        }
        folder.Delete(recursive: true);
    }
}
