namespace Attune.Storage.Tests.Testing;

/// <summary>A test that needs PostgreSQL's programs.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute() => Skip = PostgresServer.WhyNot;
}
